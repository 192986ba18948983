-- What of a chat has a rev above `since`, for one of its members: members, and those of the hot messages.
-- KEYS chat messages members changed
-- ARGV user since
-- returns {'OK', clock, id of the oldest message in the list (0: none), is that the chat's first, {user, member, ...}, message ...} | {'COLD'} | {'FORBIDDEN'}
local clock = redis.call('HGET', KEYS[1], 'clock')
if not clock then return { 'COLD' } end
if not is_in(redis.call('HGET', KEYS[3], ARGV[1])) then return { 'FORBIDDEN' } end
local since = tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[2], 0)
local first = (not oldest or string.find(oldest, '"seq":1,', 1, true)) and '1' or '0'
local members, records = {}, redis.call('HGETALL', KEYS[3])
for i = 1, #records, 2 do
  if tonumber(member_of(records[i + 1]).rev) > since then
    members[#members + 1] = records[i]
    members[#members + 1] = records[i + 1]
  end
end
local found = { 'OK', clock, oldest and text(id_of(oldest)) or '0', first, members }
for _, messages in ipairs({ redis.call('HVALS', KEYS[4]), redis.call('LRANGE', KEYS[2], 0, -1) }) do
  for _, message in ipairs(messages) do
    if rev_of(message) > since then found[#found + 1] = message end
  end
end
return found
