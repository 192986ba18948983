-- A user wants a name: written before it is claimed, so that a claim always has an owner who stands by it, or can be taken over.
-- KEYS user due
-- ARGV kind name nonce user_id wait_ms
-- returns {'OK'} | {'COLD'}
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'COLD' } end
redis.call('ZADD', KEYS[2], 'NX', text(millis() + tonumber(ARGV[5])), ARGV[4])
redis.call('HSET', KEYS[1], 'want_' .. ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. text(millis()))
return { 'OK' }
