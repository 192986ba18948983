-- Reads everything about a chat, for an auditor.
-- returns {'GONE'} | {'OK', {kind name creator created last seq texts rev description avatar blocks
-- deleted mentions_all pins invites clock}, score in due or '', {message ...}, {id, message ...},
-- {user, member ...}, {entry, rev ...}, {parked entry ...}}
local row = redis.call('HMGET', chat, 'kind', 'name', 'creator', 'created', 'last', 'seq', 'texts',
  'rev', 'description', 'avatar', 'blocks', 'deleted', 'mentions_all', 'pins', 'invites', 'clock')
if not row[1] then return { 'GONE' } end
return {
  'OK', row, redis.call('ZSCORE', due, chat_id) or '', redis.call('LRANGE', messages, 0, -1),
  redis.call('HGETALL', changed), redis.call('HGETALL', members),
  redis.call('ZRANGE', dirty, 0, -1, 'WITHSCORES'), redis.call('ZRANGE', parked, 0, -1),
}
