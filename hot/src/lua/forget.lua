-- What the directory finds somebody by is saved at `rev`; unless they announced another change since.
-- KEYS fresh
-- ARGV user_id rev
local since = redis.call('ZSCORE', KEYS[1], ARGV[1])
if since and tonumber(since) <= tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return { 'OK' }
