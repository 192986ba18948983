-- A chat as one of its members sees it.
-- KEYS chat token messages members
-- ARGV user
-- returns {'OK', pttl of the token, {kind name creator created last seq texts rev description avatar blocks deleted clock}, {user, member, ...}, newest message or ''}
--       | {'COLD'} | {'FORBIDDEN'}
local row = redis.call('HMGET', KEYS[1], 'kind', 'name', 'creator', 'created', 'last', 'seq', 'texts', 'rev', 'description', 'avatar', 'blocks', 'deleted', 'clock')
if not row[1] then return { 'COLD' } end
if not is_in(redis.call('HGET', KEYS[4], ARGV[1])) then return { 'FORBIDDEN' } end
return { 'OK', redis.call('PTTL', KEYS[2]), row, redis.call('HGETALL', KEYS[4]), redis.call('LINDEX', KEYS[3], -1) or '' }
