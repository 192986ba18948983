-- Moves the end of a session that was used.
-- returns 1 when it is still open
if redis.call('EXISTS', session) == 0 then return 0 end
local now = micros()
local ends = redis.call('HGET', session, 'ends')
local expires = math.floor(now / 1000) + ttl
if ends then expires = math.min(expires, math.floor(ends / 1000)) end
expires = text(expires)
redis.call('ZADD', sessions, expires, hash)
redis.call('PEXPIREAT', sessions, expires, 'GT')
redis.call('HSET', session, 'seen', text(now))
redis.call('PEXPIREAT', session, expires)
return 1
