-- Writes, so that its connection has something to wait for.
-- returns {'OK'}
redis.call('SET', barrier, '')
return { 'OK' }
