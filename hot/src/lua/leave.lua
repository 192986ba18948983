-- An API serves a user no more.
-- KEYS presence
-- ARGV instance channel
-- returns 1 when nobody does now; then those who watch the user are told
local now = millis()
redis.call('ZADD', KEYS[1], text(now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 2592000000)
local goes = tonumber(redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]) <= now
if goes then redis.call('SPUBLISH', ARGV[2], '') end
return goes and 1 or 0
