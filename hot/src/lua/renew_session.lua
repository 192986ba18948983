-- The session that changed the password goes on with the new one; all others are void.
-- KEYS user session
-- returns 1 when it is open
local password_rev = redis.call('HGET', KEYS[1], 'password_rev')
if not password_rev or redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('HSET', KEYS[2], 'password_rev', password_rev)
return 1
