-- Rows that are a user's alone.
-- KEYS user mine
-- ARGV about ...   (none: all of them)
-- returns {'OK', 'rev value' or '' of each} or, of all, {'OK', about, 'rev value', ...} | {'COLD'}
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'COLD' } end
local found = #ARGV == 0 and redis.call('HGETALL', KEYS[2]) or redis.call('HMGET', KEYS[2], unpack(ARGV))
local reply = { 'OK' }
for i, row in ipairs(found) do reply[i + 1] = row or '' end
return reply
