-- What follows from a message that is the newest of the list: its sender has read it, and the chat's row counts it. Every script that adds
-- messages begins with `mend`, so a call that was stopped after the list was written is completed by the next one.
-- Keys are named by the caller: `chat`, `messages`, `members`, `changed`.
local function follow(keys, message, texts)
  local id, seq = string.match(message, '^{"id":(%d+),"seq":(%d+)')
  local sender = string.match(message, '"sender_id":"([^"]+)"')
  if is_text(message) then
    texts = texts + 1
    local role, joined = string.match(redis.call('HGET', keys.members, sender) or '', '^{"role":"(%a+)","joined":(%d+),"left":0,')
    if role then
      redis.call('HSET', keys.members, sender, string.format('{"role":"%s","joined":%s,"left":0,"read":%s,"counted":%s,"delivered":%s,"rev":%s}',
        role, joined, id, text(texts), id, id))
    end
  end
  redis.call('HSET', keys.chat, 'clock', id, 'rev', id, 'last', id, 'seq', seq, 'texts', text(texts))
  return tonumber(id), tonumber(seq), texts
end

-- What follows from a text's deletion: it is not unread any more for those who had not read it. `mark`: its id, and the tick that deleted it. Done
-- twice it does no harm: whoever has that tick, or a later one, is left alone.
local function uncount(keys, mark)
  local id, tick = string.match(mark, '^(%d+) (%d+)$')
  local message = find_message(keys.messages, tonumber(id)) or redis.call('HGET', keys.changed, id)
  if message and rev_of(message) == tonumber(tick) then
    local records = redis.call('HGETALL', keys.members)
    local change = {}
    for i = 1, #records, 2 do
      local role, joined, read, counted, delivered, rev = string.match(records[i + 1],
        '^{"role":"(%a+)","joined":(%d+),"left":0,"read":(%d+),"counted":(%d+),"delivered":(%d+),"rev":(%d+)}')
      if role and tonumber(read) < tonumber(id) and tonumber(rev) < tonumber(tick) then
        change[#change + 1] = records[i]
        change[#change + 1] = string.format('{"role":"%s","joined":%s,"left":0,"read":%s,"counted":%s,"delivered":%s,"rev":%s}', role, joined, read,
          text(tonumber(counted) + 1), delivered, tick)
      end
    end
    if #change > 0 then redis.call('HSET', keys.members, unpack(change)) end
  end
  redis.call('HDEL', keys.chat, 'deleting')
end

-- What follows from a group's deletion at this tick: nobody is in it, and it has no messages.
local function wipe(keys, tick)
  local records, change = redis.call('HGETALL', keys.members), {}
  for i = 1, #records, 2 do
    if is_in(records[i + 1]) then
      change[#change + 1] = records[i]
      change[#change + 1] = string.gsub(string.gsub(records[i + 1], '"left":0,', '"left":' .. tick .. ','), '"rev":%d+}$', '"rev":' .. tick .. '}')
    end
  end
  if #change > 0 then redis.call('HSET', keys.members, unpack(change)) end
  redis.call('DEL', keys.messages, keys.changed)
end

-- The chat's clock, seq, texts and blocks, or nil when it is not resident.
local function mend(keys)
  local state = redis.call('HMGET', keys.chat, 'clock', 'seq', 'texts', 'deleting', 'blocks', 'deleted')
  if not state[1] then return nil end
  local clock, seq, texts = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])
  if state[4] then uncount(keys, state[4]) end
  if state[6] ~= '0' then wipe(keys, state[6]) end
  local newest = redis.call('LINDEX', keys.messages, -1)
  if newest and tonumber(string.match(newest, '"seq":(%d+)')) > seq then clock, seq, texts = follow(keys, newest, texts) end
  return clock, seq, texts, state[5] or ''
end

-- Does the other of a direct chat block this one? `blocks`: `who:since:1`, or `:0` when no longer.
local function is_blocked(blocks, user)
  for who in string.gmatch(blocks, '([^: ]+):%d+:1') do
    if who ~= user then return true end
  end
  return false
end
