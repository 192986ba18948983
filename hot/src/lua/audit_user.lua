-- All there is of a user, for an auditor.
-- KEYS user dirty due mine parked
-- ARGV user_id
-- returns {'GONE'} | {'OK', clock, rev or '', claims, score in due or '', {entry, rev ...}, {about, 'rev value' ...}, {parked entry ...}}
local row = redis.call('HMGET', KEYS[1], 'clock', 'rev', 'claims')
if not row[1] then return { 'GONE' } end
return { 'OK', row[1], row[2] or '', row[3] or '', redis.call('ZSCORE', KEYS[3], ARGV[1]) or '', redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'),
  redis.call('HGETALL', KEYS[4]), redis.call('ZRANGE', KEYS[5], 0, -1) }
