-- A session ends.
-- KEYS session sessions due
-- ARGV hash user_id
-- returns how many are left; with none, a flusher looks at the user at once
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
local now = text(millis())
local left = redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf')
if left == 0 then redis.call('ZADD', KEYS[3], now, ARGV[2]) end
return left
