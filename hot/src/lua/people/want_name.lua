-- Writes down that a user wants a name: before it is claimed, so that a claim always has an owner
-- who stands by it, or can be taken over.
-- returns {'OK'} | {'COLD'}
if redis.call('EXISTS', user) == 0 then return { 'COLD' } end
redis.call('ZADD', due, 'NX', text(millis() + wait), user_id)
redis.call('HSET', user, 'want_' .. kind, name .. ' ' .. nonce .. ' ' .. text(millis()))
return { 'OK' }
