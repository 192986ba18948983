-- A member's record: JSON with its fields in one order, read and written by pattern, since Lua's own encoder would print ticks with 14 digits.
local MEMBER =
  '^{"role":"(%a+)","joined":(%d+),"left":(%d+),"read":(%d+),"counted":(%d+),"delivered":(%d+),"mentions":%[([%d,]*)%],"rev":(%d+)}$'

local function member_of(record)
  local member = {}
  member.role, member.joined, member.left, member.read, member.counted, member.delivered, member.mentions, member.rev =
    string.match(record or '', MEMBER)
  return member.role and member
end

local function record_of(member)
  return string.format('{"role":"%s","joined":%s,"left":%s,"read":%s,"counted":%s,"delivered":%s,"mentions":[%s],"rev":%s}', member.role, member.joined,
    member.left, member.read, member.counted, member.delivered, member.mentions, member.rev)
end

local function role_of(record) return string.match(record, '^{"role":"(%a+)"') end

local function is_in(record) return record and string.find(record, '"left":0,', 1, true) ~= nil end

-- The unread messages that name a member, without those for which `drops` is true.
local function without(mentions, drops)
  local kept = {}
  for id in string.gmatch(mentions, '%d+') do
    if not drops(tonumber(id)) then kept[#kept + 1] = id end
  end
  return table.concat(kept, ',')
end

-- Whom a message names, but for its sender.
local function mentioned(message, sender)
  local users = {}
  for user in string.gmatch(string.match(message, ',"mentions":%[([^%]]*)%]') or '', '"([^"]+)"') do
    if user ~= sender then users[#users + 1] = user end
  end
  return users
end
