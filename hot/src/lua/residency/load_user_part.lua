-- Writes a part of the lists of a user who is about to be loaded, if the nonce still holds. Should
-- nobody go on, it is gone soon: the user is not resident yet, so no flusher looks at them.
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', user) == 1 then return { 'RESIDENT' } end
if redis.call('GET', hydrating) ~= nonce then return { 'FENCED' } end
if is_first then redis.call('DEL', chats, private_rows, order, pinned) end
put_in_order(order, table_of(chat_entries))
note_pins(pinned, table_of(private_entries))
write('HSET', chats, chat_entries)
write('HSET', private_rows, private_entries)
for _, key in ipairs({ chats, private_rows, order, pinned }) do
  redis.call('PEXPIRE', key, life)
end
return { 'OK' }
