-- A chat in a user's list, or out of it: the later of two changes wins.
-- KEYS user chats hydrating
-- ARGV chat rev left   (left: 0 when they are in)
-- returns {'OK'} | {'COLD'}: the user is not resident; a hydration under way may have read SQL too early, and is ended
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[3])
  return { 'COLD' }
end
local known = redis.call('HGET', KEYS[2], ARGV[1])
if not known or tonumber(string.match(known, '^(%d+)')) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. ARGV[3]) end
return { 'OK' }
