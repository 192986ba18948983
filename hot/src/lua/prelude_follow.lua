-- What follows from a message that is the newest of the list: its sender has read it, those it names are told, and the chat's row counts it. Every
-- script that adds messages begins with `mend`, so a call that was stopped after the list was written is completed by the next one.
-- Keys are named by the caller: `chat`, `messages`, `members`, `changed`.
local function follow(keys, message, texts)
  local id, seq = string.match(message, '^{"id":(%d+),"seq":(%d+)')
  local sender = string.match(message, '"sender_id":"([^"]+)"')
  if is_text(message) then
    texts = texts + 1
    local member = member_of(redis.call('HGET', keys.members, sender))
    if member and member.left == '0' then
      member.read, member.counted, member.delivered, member.mentions, member.rev = id, text(texts), id, '', id
      redis.call('HSET', keys.members, sender, record_of(member))
    end
    for _, user in ipairs(mentioned(message, sender)) do
      member = member_of(redis.call('HGET', keys.members, user))
      if member and member.left == '0' and tonumber(member.rev) < tonumber(id) then
        member.mentions = member.mentions == '' and id or member.mentions .. ',' .. id
        -- The newest 50 are enough to count.
        if select(2, string.gsub(member.mentions, ',', '')) >= 50 then member.mentions = string.match(member.mentions, ',(.*)$') end
        member.rev = id
        redis.call('HSET', keys.members, user, record_of(member))
      end
    end
  end
  redis.call('HSET', keys.chat, 'clock', id, 'told', id, 'rev', id, 'last', id, 'seq', seq, 'texts', text(texts))
  return tonumber(id), tonumber(seq), texts
end

-- What follows from a text's deletion: it is not unread any more for those who had not read it. `mark`: its id, and the tick that deleted it. Done
-- twice it does no harm: whoever has that tick, or a later one, is left alone.
local function uncount(keys, mark)
  local id, tick = string.match(mark, '^(%d+) (%d+)$')
  local message = find_message(keys.messages, tonumber(id)) or redis.call('HGET', keys.changed, id)
  if message and rev_of(message) == tonumber(tick) then
    local records, change = redis.call('HGETALL', keys.members), {}
    for i = 1, #records, 2 do
      local member = member_of(records[i + 1])
      if member and member.left == '0' and tonumber(member.read) < tonumber(id) and tonumber(member.rev) < tonumber(tick) then
        member.counted, member.rev = text(tonumber(member.counted) + 1), tick
        member.mentions = without(member.mentions, function(one) return one == tonumber(id) end)
        change[#change + 1] = records[i]
        change[#change + 1] = record_of(member)
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
    local member = member_of(records[i + 1])
    if member.left == '0' then
      member.left, member.mentions, member.rev = tick, '', tick
      change[#change + 1] = records[i]
      change[#change + 1] = record_of(member)
    end
  end
  if #change > 0 then redis.call('HSET', keys.members, unpack(change)) end
  redis.call('DEL', keys.messages, keys.changed)
end

-- The chat's clock, seq, texts, blocks, and what those who listen are told by: the tick of the last change that they were told of, and that of the last
-- coming or going. Nil when it is not resident.
local function mend(keys)
  local state = redis.call('HMGET', keys.chat, 'clock', 'seq', 'texts', 'deleting', 'blocks', 'deleted', 'told', 'roster')
  if not state[1] then return nil end
  local clock, seq, texts = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])
  if state[4] then uncount(keys, state[4]) end
  if state[6] ~= '0' then wipe(keys, state[6]) end
  local newest = redis.call('LINDEX', keys.messages, -1)
  if newest and tonumber(string.match(newest, '"seq":(%d+)')) > seq then
    clock, seq, texts = follow(keys, newest, texts)
    state[7] = text(clock)
  end
  return clock, seq, texts, state[5] or '', state[7], state[8]
end

-- Does the other of a direct chat block this one? `blocks`: `who:since:1`, or `:0` when no longer.
local function is_blocked(blocks, user)
  for who in string.gmatch(blocks, '([^: ]+):%d+:1') do
    if who ~= user then return true end
  end
  return false
end
