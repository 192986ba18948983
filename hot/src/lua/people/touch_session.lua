-- Moves the end of a session that was used.
-- returns 1 when it is still open
if redis.call('EXISTS', session) == 0 then return 0 end
local now = micros()
local expires = text(math.floor(now / 1000) + ttl)
redis.call('ZADD', sessions, expires, hash)
redis.call('PEXPIREAT', sessions, expires, 'GT')
redis.call('HSET', session, 'seen', text(now))
redis.call('PEXPIREAT', session, expires)
return 1
