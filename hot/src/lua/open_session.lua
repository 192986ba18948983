-- A session begins.
-- KEYS user session sessions
-- ARGV hash user_id device ttl_ms password_rev
-- returns {'OK', tick, expires_ms} | {'STALE'}: the password was changed meanwhile | {'COLD'}
local password_rev = redis.call('HGET', KEYS[1], 'password_rev')
if not password_rev then return { 'COLD' } end
if password_rev ~= ARGV[5] then return { 'STALE' } end
local now = micros()
local expires = math.floor(now / 1000) + tonumber(ARGV[4])
redis.call('ZADD', KEYS[3], text(expires), ARGV[1])
redis.call('HSET', KEYS[2], 'user', ARGV[2], 'device', ARGV[3], 'created', text(now), 'seen', text(now), 'password_rev', password_rev)
redis.call('PEXPIREAT', KEYS[2], text(expires))
return { 'OK', text(now), text(expires) }
