-- What was committed is no longer dirty; what is clean may leave. The only script by which a row of a chat leaves Redis.
-- KEYS chat token messages members dirty sent hydrating due parked dead changed
-- ARGV chat_id keep soon_ms idle_ms sent_us nonce, then (entry, rev) of each committed row   (nonce: of this call; what lets a row leave, leaves it behind)
-- returns {'GONE'} | {'DIRTY'} | {'WARM'} | {'PARKED'} | {'EVICTED'}
local chat = ARGV[1]
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[8], chat)
  return { 'GONE' }
end
local now = micros()
local function due(wait) redis.call('ZADD', KEYS[8], text(math.floor(now / 1000) + wait), chat) end

local parked, refused = redis.call('ZCARD', KEYS[9]), redis.call('EXISTS', KEYS[10]) == 1
for i = 7, #ARGV, 2 do
  local entry, rev = ARGV[i], ARGV[i + 1]
  if redis.call('ZSCORE', KEYS[5], entry) == rev then redis.call('ZREM', KEYS[5], entry) end
  local score = parked > 0 and redis.call('ZSCORE', KEYS[9], entry)
  if score and tonumber(score) <= tonumber(rev) then
    redis.call('ZREM', KEYS[9], entry)
    score = nil
  end
  -- What was refused and is saved now is listed no longer, whether it was put aside or not; what still is put aside stays listed.
  if refused and not score then redis.call('HDEL', KEYS[10], chat .. '/' .. entry) end
end

local unsaved = redis.call('ZCARD', KEYS[5])
local spare = redis.call('LLEN', KEYS[3]) - tonumber(ARGV[2])
local clean, blocked = 0, false
while clean < spare and not blocked do
  local step = redis.call('LRANGE', KEYS[3], clean, math.min(clean + 127, spare - 1))
  for _, message in ipairs(step) do
    local entry = 'message:' .. string.match(message, '^{"id":(%d+)')
    blocked = (unsaved > 0 and redis.call('ZSCORE', KEYS[5], entry)) or (parked > 0 and redis.call('ZSCORE', KEYS[9], entry))
    if blocked then break end
    clean = clean + 1
  end
end
if clean > 0 then
  redis.call('HSET', KEYS[1], 'dropped', ARGV[6])
  redis.call('LTRIM', KEYS[3], clean, -1)
end
for _, id in ipairs(redis.call('HKEYS', KEYS[11])) do
  local entry = 'message:' .. id
  if not redis.call('ZSCORE', KEYS[5], entry) and not redis.call('ZSCORE', KEYS[9], entry) then
    redis.call('HSET', KEYS[1], 'dropped', ARGV[6])
    redis.call('HDEL', KEYS[11], id)
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', '(' .. text(now - tonumber(ARGV[5])))

-- Asking for the token makes Redis expire it in time, and tell of it.
local life = redis.call('PTTL', KEYS[2])
if unsaved > 0 then
  -- Nobody is about to add to a chat that is no longer warm: what is left of it need not wait for company.
  due(life > 0 and tonumber(ARGV[3]) or math.min(tonumber(ARGV[3]), 500))
  return { 'DIRTY' }
end
if life > 0 then
  due(life)
  return { 'WARM' }
end
if redis.call('ZCARD', KEYS[9]) > 0 then
  due(tonumber(ARGV[4]))
  return { 'PARKED' }
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[9], KEYS[11])
redis.call('ZREM', KEYS[8], chat)
return { 'EVICTED' }
