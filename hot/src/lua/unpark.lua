-- Parked rows are tried again.
-- KEYS record dirty parked dead due
-- ARGV id
-- returns how many
local parked = redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('ZADD', KEYS[5], 0, ARGV[1]) end
for i = 1, #parked, 2 do
  redis.call('ZADD', KEYS[2], 'GT', parked[i + 1], parked[i])
  redis.call('HDEL', KEYS[4], ARGV[1] .. '/' .. parked[i])
end
redis.call('DEL', KEYS[3])
return #parked / 2
