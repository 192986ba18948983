-- A chat as one of its members sees it.
-- KEYS chat token messages members dirty parked
-- ARGV user
-- returns {'OK', pttl of the token, {kind name creator created last seq texts rev description avatar blocks deleted clock}, {user, member, ...}, newest message or '', saved}
--      saved: all changes up to this tick are in SQL
--       | {'COLD'} | {'FORBIDDEN'}
local row = redis.call('HMGET', KEYS[1], 'kind', 'name', 'creator', 'created', 'last', 'seq', 'texts', 'rev', 'description', 'avatar', 'blocks', 'deleted', 'clock')
if not row[1] then return { 'COLD' } end
if not is_in(redis.call('HGET', KEYS[4], ARGV[1])) then return { 'FORBIDDEN' } end
local saved = tonumber(row[13])
for at = 5, 6 do
  local oldest = redis.call('ZRANGE', KEYS[at], 0, 0, 'WITHSCORES')[2]
  if oldest then saved = math.min(saved, tonumber(oldest) - 1) end
end
return { 'OK', redis.call('PTTL', KEYS[2]), row, redis.call('HGETALL', KEYS[4]), redis.call('LINDEX', KEYS[3], -1) or '', text(saved) }
