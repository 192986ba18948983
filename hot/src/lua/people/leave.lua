-- Tells that an API no longer serves a user.
-- returns 1 when none does now; then those who watch the user are notified
local now = millis()
redis.call('ZADD', presence, text(now), instance)
redis.call('PEXPIRE', presence, 2592000000)
local goes = tonumber(redis.call('ZRANGE', presence, -1, -1, 'WITHSCORES')[2]) <= now
if goes then redis.call('SPUBLISH', channel, '') end
return goes and 1 or 0
