-- Who is in a chat, to be told of what happens there.
-- KEYS chat members
-- returns {'OK', roster, user, ...} | {'COLD'}
local roster = redis.call('HGET', KEYS[1], 'roster')
if not roster then return { 'COLD' } end
local found, records = { 'OK', roster }, redis.call('HGETALL', KEYS[2])
for i = 1, #records, 2 do
  if is_in(records[i + 1]) then found[#found + 1] = records[i] end
end
return found
