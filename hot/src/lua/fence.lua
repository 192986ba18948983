-- A write, so that its connection has something to wait for.
-- KEYS fence
-- returns {'OK'}
redis.call('SET', KEYS[1], '')
return { 'OK' }
