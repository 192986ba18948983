-- Lets the token of a chat expire at once, since nobody who would read the chat is here any more; a
-- flusher looks at it at once.
-- returns 1 when it was resident
if redis.call('EXISTS', chat) == 0 then return 0 end
redis.call('ZADD', due, 'LT', text(millis()), chat_id)
redis.call('PEXPIRE', token, 1)
return 1
