-- A user's row changes. One HSET makes the change, so it is made whole or not at all.
-- KEYS user dirty due
-- ARGV now_us user_id flush_after_ms, then three counted lists: fields (field, value), stamps (fields that take the tick), claims (kind, name, nonce)
-- returns {'OK', tick} | {'STALE'}: a name that is no longer wanted under that nonce | {'COLD'} | {'SKEW'}
local clock = redis.call('HGET', KEYS[1], 'clock')
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
local tick = text(math.max(tonumber(clock) + 1, now))
local change, claims = { 'clock', tick, 'rev', tick }, redis.call('HGET', KEYS[1], 'claims') or ''
local at = 4
local function each(width, take)
  local last = at + tonumber(ARGV[at])
  for i = at + 1, last, width do take(i) end
  at = last + 1
end
local stale = false
local function put(field, value)
  change[#change + 1] = field
  change[#change + 1] = value
end
each(2, function(i) put(ARGV[i], ARGV[i + 1]) end)
each(1, function(i) put(ARGV[i], tick) end)
each(3, function(i)
  local kind, name, nonce = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local mine = name .. ' ' .. nonce .. ' '
  stale = stale or string.sub(redis.call('HGET', KEYS[1], 'want_' .. kind) or '', 1, #mine) ~= mine
  put('want_' .. kind, '')
  claims = claims .. kind .. ' ' .. name .. ' ' .. nonce .. ';'
end)
if stale then return { 'STALE' } end
put('claims', claims)
becomes_dirty(KEYS[2], KEYS[3], ARGV[2], tonumber(ARGV[3]))
redis.call('ZADD', KEYS[2], tick, 'user')
redis.call('HSET', KEYS[1], unpack(change))
return { 'OK', tick }
