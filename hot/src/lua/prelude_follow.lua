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

-- The chat's clock, seq and texts, or nil when it is not resident.
local function mend(keys)
  local state = redis.call('HMGET', keys.chat, 'clock', 'seq', 'texts', 'deleting')
  if not state[1] then return nil end
  local clock, seq, texts = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])
  if state[4] then uncount(keys, state[4]) end
  local newest = redis.call('LINDEX', keys.messages, -1)
  if newest and tonumber(string.match(newest, '"seq":(%d+)')) > seq then return follow(keys, newest, texts) end
  return clock, seq, texts
end
