-- Ends a session.
-- returns how many are left; with none, a flusher looks at the user at once
redis.call('DEL', session)
redis.call('SPUBLISH', ended_channel, hash)
redis.call('ZREM', sessions, hash)
local now = text(millis())
local left = redis.call('ZCOUNT', sessions, '(' .. now, '+inf')
if left == 0 then redis.call('ZADD', due, now, user_id) end
return left
