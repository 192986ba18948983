-- Reads the list of a user's chats, also of those that the user has left.
-- returns {'OK', chat, 'rev left', ...} | {'COLD'}
if redis.call('EXISTS', user) == 0 then return { 'COLD' } end
local reply = { 'OK' }
for i, part in ipairs(redis.call('HGETALL', chats)) do reply[i + 1] = part end
return reply
