-- Writes a part of the lists of a user who is about to be loaded, if the nonce still holds. Should
-- nobody go on, it is gone soon: the user is not resident yet, so no flusher looks at them.
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', user) == 1 then return { 'RESIDENT' } end
if redis.call('GET', hydrating) ~= nonce then return { 'FENCED' } end
if is_first then redis.call('DEL', chats, private_rows) end
write('HSET', chats, chat_entries)
write('HSET', private_rows, private_entries)
redis.call('PEXPIRE', chats, life)
redis.call('PEXPIRE', private_rows, life)
return { 'OK' }
