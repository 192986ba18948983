-- Announces that a user changes what the directory finds them by. Until that is saved, the
-- directory looks them up here.
-- returns {'OK'}
redis.call('ZADD', fresh, text(micros()), user_id)
redis.call('ZREMRANGEBYRANK', fresh, 0, -1 - keep)
return { 'OK' }
