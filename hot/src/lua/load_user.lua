-- A user becomes resident, from SQL or as a new one without a name yet, if the nonce still holds.
-- KEYS user chats dirty hydrating due
-- ARGV nonce user_id wait_ms, then two counted lists: fields of the user, chats (chat, entry)
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'RESIDENT' } end
if redis.call('GET', KEYS[4]) ~= ARGV[1] then return { 'FENCED' } end
local fields = tonumber(ARGV[4])
local chats = tonumber(ARGV[5 + fields])
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('ZADD', KEYS[5], text(millis() + tonumber(ARGV[3])), ARGV[2])
for start = 6 + fields, 5 + fields + chats, 1000 do redis.call('HSET', KEYS[2], unpack(ARGV, start, math.min(start + 999, 5 + fields + chats))) end
redis.call('HSET', KEYS[1], unpack(ARGV, 5, 4 + fields))
redis.call('DEL', KEYS[4])
return { 'OK' }
