-- A flusher takes what is due; whoever dies gives it back by doing nothing.
-- KEYS due
-- ARGV count lease_ms
-- returns {id ...}
local now = millis()
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, ARGV[1])
local till = text(now + tonumber(ARGV[2]))
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], till, id) end
return ids
