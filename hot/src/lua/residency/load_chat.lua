-- Makes a chat resident, from SQL or as a new one, if the nonce still holds. The hash that makes it
-- resident is written last.
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', chat) == 1 then return { 'RESIDENT' } end
if redis.call('GET', hydrating) ~= nonce then return { 'FENCED' } end
redis.call('DEL', messages, members, dirty, sent, recent, changed, silent, files)
local has_others = {}
for id in each(reacted_ids, 1) do has_others[id] = true end
for _, id in ipairs(redis.call('SMEMBERS', reacted_of(chat))) do
  if not has_others[id] then forget_others(chat, id) end
end
redis.call('ZADD', due, text(millis() + wait), chat_id)
write('ZADD', dirty, dirty_entries)
write('HSET', members, member_records)
write('RPUSH', messages, records)
write('ZADD', silent, silent_ids)
write('ZADD', files, file_entries)
write('ZADD', sent, sent_keys)
write('ZADD', recent, recent_digests)
redis.call('SET', token, '', 'PX', ttl)
write('HSET', chat, fields)
redis.call('DEL', hydrating)
return { 'OK' }
