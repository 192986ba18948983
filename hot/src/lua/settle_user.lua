-- What was committed of a user is no longer dirty; without a session, and clean, they may leave.
-- KEYS user chats dirty sessions hydrating due parked dead mine
-- ARGV user_id soon_ms idle_ms claims evict, then (entry, rev) of each committed row
--      claims: those the commit carried; evict: '1' lets them leave
-- returns {'GONE'} | {'DIRTY'} | {'WARM'} | {'PARKED'} | {'IDLE'}: may leave | {'EVICTED'}
local user = ARGV[1]
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[6], user)
  return { 'GONE' }
end
local now = millis()
-- Claims are only ever added at the end: what this commit carried is a prefix, and is released by now.
local claims = redis.call('HGET', KEYS[1], 'claims') or ''
if ARGV[4] ~= '' and string.sub(claims, 1, #ARGV[4]) == ARGV[4] then redis.call('HSET', KEYS[1], 'claims', string.sub(claims, #ARGV[4] + 1)) end
for i = 6, #ARGV, 2 do
  local entry, rev = ARGV[i], ARGV[i + 1]
  if redis.call('ZSCORE', KEYS[3], entry) == rev then
    local about = string.match(entry, '^mine:(.*)$')
    -- What says nothing any more need not stay, once SQL knows.
    if about and redis.call('HGET', KEYS[9], about) == rev .. ' ' then redis.call('HDEL', KEYS[9], about) end
    redis.call('ZREM', KEYS[3], entry)
  end
  local parked = redis.call('ZSCORE', KEYS[7], entry)
  if parked and tonumber(parked) <= tonumber(rev) then
    redis.call('ZREM', KEYS[7], entry)
    parked = nil
  end
  -- What still is put aside stays listed.
  if not parked then redis.call('HDEL', KEYS[8], user .. '/' .. entry) end
end
if redis.call('ZCARD', KEYS[3]) > 0 then
  redis.call('ZADD', KEYS[6], text(now + tonumber(ARGV[2])), user)
  return { 'DIRTY' }
end
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', text(now))
local last = redis.call('ZRANGE', KEYS[4], -1, -1, 'WITHSCORES')
if last[2] then
  redis.call('ZADD', KEYS[6], last[2], user)
  return { 'WARM' }
end
if redis.call('ZCARD', KEYS[7]) > 0 then
  redis.call('ZADD', KEYS[6], text(now + tonumber(ARGV[3])), user)
  return { 'PARKED' }
end
if ARGV[5] ~= '1' then return { 'IDLE' } end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[7], KEYS[9])
redis.call('ZREM', KEYS[6], user)
return { 'EVICTED' }
