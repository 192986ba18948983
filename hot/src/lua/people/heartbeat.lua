-- Tells that an API serves a user for a while; all APIs are told, by `user_and_instance`, when it
-- did not serve them before.
-- returns 1 when none did before; then those who watch the user are notified
local now = millis()
local newest = redis.call('ZRANGE', presence, -1, -1, 'WITHSCORES')[2]
local comes = not newest or tonumber(newest) <= now
-- A heartbeat comes again and again, so neither the AOF nor a replica need know.
redis.set_repl(redis.REPL_NONE)
redis.call('ZREMRANGEBYSCORE', presence, '-inf', text(now))
local is_new = redis.call('ZADD', presence, text(now + life), instance) == 1
-- When they were last seen is known for a month.
redis.call('PEXPIRE', presence, 2592000000)
if is_new then redis.call('SPUBLISH', served, user_and_instance) end
if comes then redis.call('SPUBLISH', channel, '') end
return comes and 1 or 0
