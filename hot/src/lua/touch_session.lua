-- A session was used: its end moves on.
-- KEYS session sessions
-- ARGV hash ttl_ms
-- returns 1 when it is still open
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local now = micros()
local expires = text(math.floor(now / 1000) + tonumber(ARGV[2]))
redis.call('ZADD', KEYS[2], expires, ARGV[1])
redis.call('HSET', KEYS[1], 'seen', text(now))
redis.call('PEXPIREAT', KEYS[1], expires)
return 1
