-- Somebody is about to change what the directory finds them by. Until that is saved, the directory looks them up here.
-- KEYS fresh
-- ARGV user_id keep   (keep: how many of the newest)
redis.call('ZADD', KEYS[1], text(micros()), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[2]))
return { 'OK' }
