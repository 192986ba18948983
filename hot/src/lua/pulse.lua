-- An API serves a user for a while.
-- KEYS presence
-- ARGV instance life_ms channel
-- returns 1 when nobody did before; then those who watch the user are told
local now = millis()
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
local comes = not newest or tonumber(newest) <= now
-- It is said again and again, so neither the AOF nor a replica need know.
redis.set_repl(redis.REPL_NONE)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
redis.call('ZADD', KEYS[1], text(now + tonumber(ARGV[2])), ARGV[1])
-- When they were last seen is known for a month.
redis.call('PEXPIRE', KEYS[1], 2592000000)
if comes then redis.call('SPUBLISH', ARGV[3], '') end
return comes and 1 or 0
