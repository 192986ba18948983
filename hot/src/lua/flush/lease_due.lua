-- Leases what is due to a flusher; one that dies gives it back by doing nothing.
-- returns {id ...}
local now = millis()
local ids = redis.call('ZRANGEBYSCORE', due, '-inf', text(now), 'LIMIT', 0, most)
local till = text(now + lease)
for _, id in ipairs(ids) do redis.call('ZADD', due, till, id) end
return ids
