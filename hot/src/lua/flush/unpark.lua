-- Makes parked rows dirty again, so that they are retried.
-- returns how many
local entries = redis.call('ZRANGE', parked, 0, -1, 'WITHSCORES')
if redis.call('EXISTS', record) == 1 then redis.call('ZADD', due, 0, id) end
for i = 1, #entries, 2 do
  redis.call('ZADD', dirty, 'GT', entries[i + 1], entries[i])
  redis.call('HDEL', dead, id .. '/' .. entries[i])
end
redis.call('DEL', parked)
return #entries / 2
