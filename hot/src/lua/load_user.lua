-- A user becomes resident, from SQL or as a new one without a name yet, if the nonce still holds.
-- KEYS user chats dirty hydrating due mine
-- ARGV nonce user_id wait_ms, then three counted lists: fields of the user, chats (chat, entry), mine (about, 'rev value')
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'RESIDENT' } end
if redis.call('GET', KEYS[4]) ~= ARGV[1] then return { 'FENCED' } end
local at = 4
local function list()
  local first = at + 1
  at = first + tonumber(ARGV[at])
  return first, at - 1
end
-- Lua's stack takes some 8,000 values in one call.
local function write(key, first, last)
  for start = first, last, 1000 do redis.call('HSET', key, unpack(ARGV, start, math.min(start + 999, last))) end
end
local field, field_end = list()
local chat, chat_end = list()
local mine, mine_end = list()
redis.call('DEL', KEYS[2], KEYS[3], KEYS[6])
redis.call('ZADD', KEYS[5], text(millis() + tonumber(ARGV[3])), ARGV[2])
write(KEYS[2], chat, chat_end)
write(KEYS[6], mine, mine_end)
write(KEYS[1], field, field_end)
redis.call('DEL', KEYS[4])
return { 'OK' }
