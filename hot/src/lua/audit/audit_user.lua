-- Reads everything about a user, for an auditor.
-- returns {'GONE'} | {'OK', clock, rev or '', claims, score in due or '', {entry, rev ...}, {key,
-- 'rev value' ...}, {parked entry ...}, is the order one to rely upon, {chat, score ...}}
local row = redis.call('HMGET', user, 'clock', 'rev', 'claims')
if not row[1] then return { 'GONE' } end
return {
  'OK', row[1], row[2] or '', row[3] or '', redis.call('ZSCORE', due, user_id) or '',
  redis.call('ZRANGE', dirty, 0, -1, 'WITHSCORES'), redis.call('HGETALL', private_rows),
  redis.call('ZRANGE', parked, 0, -1),
  is_ordered(redis.call('HGET', user, 'ordered'), from, this_history()) and '1' or '0',
  redis.call('ZRANGE', order, 0, -1, 'WITHSCORES'),
}
