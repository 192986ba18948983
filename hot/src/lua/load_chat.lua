-- A chat becomes resident, from SQL or as a new one, if the nonce still holds. The hash that makes it resident is written last.
-- KEYS chat token messages members dirty sent hydrating due changed
-- ARGV nonce chat_id ttl_ms wait_ms, then five counted lists: fields of the chat, members (user, record), messages, sent (id, key), dirty (rev, entry)
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'RESIDENT' } end
if redis.call('GET', KEYS[7]) ~= ARGV[1] then return { 'FENCED' } end
local at = 5
local function list()
  local first = at + 1
  at = first + tonumber(ARGV[at])
  return first, at - 1
end
-- Lua's stack takes some 8,000 values in one call.
local function write(command, key, first, last)
  for start = first, last, 1000 do redis.call(command, key, unpack(ARGV, start, math.min(start + 999, last))) end
end
local field, field_end = list()
local member, member_end = list()
local message, message_end = list()
local sent, sent_end = list()
local dirty, dirty_end = list()
redis.call('DEL', KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[9])
redis.call('ZADD', KEYS[8], text(millis() + tonumber(ARGV[4])), ARGV[2])
write('ZADD', KEYS[5], dirty, dirty_end)
write('HSET', KEYS[4], member, member_end)
write('RPUSH', KEYS[3], message, message_end)
write('ZADD', KEYS[6], sent, sent_end)
redis.call('SET', KEYS[2], '', 'PX', ARGV[3])
write('HSET', KEYS[1], field, field_end)
redis.call('DEL', KEYS[7])
return { 'OK' }
