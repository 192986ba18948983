-- All there is of a chat, for an auditor.
-- KEYS chat messages members dirty due changed parked
-- ARGV chat_id
-- returns {'GONE'} | {'OK', {kind name creator created last seq texts rev description avatar blocks deleted clock}, score in due or '', {message ...}, {id, message ...},
--       {user, member ...}, {entry, rev ...}, {parked entry ...}}
local row = redis.call('HMGET', KEYS[1], 'kind', 'name', 'creator', 'created', 'last', 'seq', 'texts', 'rev', 'description', 'avatar', 'blocks', 'deleted', 'clock')
if not row[1] then return { 'GONE' } end
return { 'OK', row, redis.call('ZSCORE', KEYS[5], ARGV[1]) or '', redis.call('LRANGE', KEYS[2], 0, -1), redis.call('HGETALL', KEYS[6]),
  redis.call('HGETALL', KEYS[3]), redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES'), redis.call('ZRANGE', KEYS[7], 0, -1) }
