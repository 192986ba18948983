-- Makes a user resident, from SQL or as a new one without a name yet, if the nonce still holds.
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', user) == 1 then return { 'RESIDENT' } end
if redis.call('GET', hydrating) ~= nonce then return { 'FENCED' } end
if not has_parts then redis.call('DEL', chats, private_rows) end
redis.call('DEL', dirty)
redis.call('ZADD', due, text(millis() + wait), user_id)
write('HSET', chats, chat_entries)
write('HSET', private_rows, private_entries)
redis.call('PERSIST', chats)
redis.call('PERSIST', private_rows)
write('HSET', user, fields)
redis.call('DEL', hydrating)
return { 'OK' }
