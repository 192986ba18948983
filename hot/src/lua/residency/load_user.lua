-- Makes a user resident, from SQL or as a new one without a name yet, if the nonce still holds.
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', user) == 1 then return { 'RESIDENT' } end
if redis.call('GET', hydrating) ~= nonce then return { 'FENCED' } end
if not has_parts then redis.call('DEL', chats, private_rows, order, pinned) end
redis.call('DEL', dirty)
redis.call('ZADD', due, text(millis() + wait), user_id)
put_in_order(order, table_of(chat_entries))
note_pins(pinned, table_of(private_entries))
write('HSET', chats, chat_entries)
write('HSET', private_rows, private_entries)
for _, key in ipairs({ chats, private_rows, order, pinned }) do redis.call('PERSIST', key) end
write('HSET', user, fields)
note_order(user)
redis.call('DEL', hydrating)
return { 'OK' }
