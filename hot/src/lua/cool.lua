-- Nobody who would read this chat is here any more: its token expires, and a flusher looks at it at once.
-- KEYS chat token due
-- ARGV chat_id
-- returns 1 when it was resident
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[3], 'LT', text(millis()), ARGV[1])
redis.call('PEXPIRE', KEYS[2], 1)
return 1
