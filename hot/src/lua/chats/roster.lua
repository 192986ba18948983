-- Reads the members of a chat, who are notified of what happens there.
-- returns {'OK', roster, user, ...} | {'COLD'}
local roster = redis.call('HGET', chat, 'roster')
if not roster then return { 'COLD' } end
local found, records = { 'OK', roster }, redis.call('HGETALL', members)
for i = 1, #records, 2 do
  if is_in(records[i + 1]) then found[#found + 1] = records[i] end
end
return found
