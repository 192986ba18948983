-- A member's record: JSON with its fields in one order, read and written by pattern, since Lua's
-- own encoder would print ticks with 14 digits.
local MEMBER = '^{"role":"(%a+)","joined":(%d+),"left":(%d+),"read":(%d+),"counted":(%d+),'
  .. '"delivered":(%d+),"mentions":%[([%d,]*)%],"rev":(%d+)}$'

local function member_of(record)
  local member = {}
  member.role, member.joined, member.left, member.read, member.counted, member.delivered,
    member.mentions, member.rev = string.match(record or '', MEMBER)
  return member.role and member
end

local function record_of(member)
  return string.format(
    '{"role":"%s","joined":%s,"left":%s,"read":%s,"counted":%s,"delivered":%s,"mentions":[%s],'
      .. '"rev":%s}',
    member.role, member.joined, member.left, member.read, member.counted, member.delivered,
    member.mentions, member.rev)
end

-- Returns the record of a member who has read everything up to the text `id`, the chat's newest of
-- `texts`. It parses no more than it must: every message that is sent asks for it.
local function having_read(record, id, texts)
  local kept = string.sub(record, 1, string.find(record, ',"read":', 1, true))
  return kept .. '"read":' .. id .. ',"counted":' .. texts .. ',"delivered":' .. id
    .. ',"mentions":[],"rev":' .. id .. '}'
end

-- Its rev is the last of a record. Those of this age have 16 digits, which is quicker to read.
local function rev_of_member(record)
  return tonumber(string.sub(record, -17, -2)) or tonumber(string.match(record, '(%d+)}$', -20))
end

local function role_of(record) return string.match(record, '^{"role":"(%a+)"') end

local function is_in(record)
  return record and string.find(record, '"left":0,', 1, true) ~= nil
end

-- Returns the unread messages that name a member, without those for which `drops` is true.
local function without(mentions, drops)
  local kept = {}
  for id in string.gmatch(mentions, '%d+') do
    if not drops(tonumber(id)) then kept[#kept + 1] = id end
  end
  return table.concat(kept, ',')
end

-- Returns the unread messages that name a member, in their order, with this one or without it. The
-- newest 50 are enough to count.
local function with_mention(mentions, id, is_one)
  local ids = {}
  for one in string.gmatch(mentions, '%d+') do
    if one ~= id then ids[#ids + 1] = one end
  end
  if is_one then
    local at = #ids + 1
    while at > 1 and tonumber(ids[at - 1]) > tonumber(id) do at = at - 1 end
    table.insert(ids, at, id)
  end
  return table.concat(ids, ',', math.max(#ids - 49, 1))
end

-- True for a message that mentions all; a text cannot contain these words unescaped.
local function is_for_all(message)
  return string.find(message, '"mentions_all":true', 1, true) ~= nil
end

-- Writes into the chat's row whether a message mentions all, as `mentions_all` has it: once,
-- however many the members are.
local function note_for_all(chat, id, is_one)
  local before = redis.call('HGET', chat, 'mentions_all') or ''
  local after = with_mention(before, id, is_one)
  if after ~= before then redis.call('HSET', chat, 'mentions_all', after) end
end

-- Returns why a member may not mention all, or nil: a direct chat has no others, and in a group of
-- more than `most` members only those may who manage it. Of a large group it reads some members.
local function refuses_all(chat, members, record, most)
  if redis.call('HGET', chat, 'kind') ~= 'group' then return 'NO_GROUP' end
  if role_of(record) ~= 'member' or redis.call('HLEN', members) <= most then return nil end
  local is_counted, size, cursor = {}, 0, '0'
  repeat
    local step = redis.call('HSCAN', members, cursor, 'COUNT', 64)
    cursor = step[1]
    for at = 1, #step[2], 2 do
      local user = step[2][at]
      if is_in(step[2][at + 1]) and not is_counted[user] then
        is_counted[user], size = true, size + 1
      end
    end
    if size > most then return 'CROWD' end
  until cursor == '0'
  return nil
end

-- Returns the users that a message names, but for its sender.
local function mentioned(message, sender)
  local users, at = {}, string.find(message, ',"mentions":[', 1, true)
  if at then
    for user in string.gmatch(string.match(message, '%[([^%]]*)%]', at), '"([^"]+)"') do
      if user ~= sender then users[#users + 1] = user end
    end
  end
  return users
end
