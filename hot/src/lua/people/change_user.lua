-- Changes a user's row. One HSET makes the change, so it is made whole or not at all.
-- returns {'OK', tick} | {'STALE'}: a name that is no longer wanted under that nonce | {'MOVED'}:
-- the metadata is not that of which the new one was made | {'COLD'} | {'SKEW'}
local clock = redis.call('HGET', user, 'clock')
if not clock then return { 'COLD' } end
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local tick = text(math.max(tonumber(clock) + 1, now))
local change = { 'clock', tick, 'rev', tick }
local claims = redis.call('HGET', user, 'claims') or ''
local stale = false
local function put(field, value)
  change[#change + 1] = field
  change[#change + 1] = value
end
for field, value in each(fields, 2) do put(field, value) end
local ends_sessions = false
for field in each(stamps, 1) do
  put(field, tick)
  ends_sessions = ends_sessions or field == 'password_rev'
end
for kind, name, nonce in each(names, 3) do
  local wish = name .. ' ' .. nonce .. ' '
  stale = stale or string.sub(redis.call('HGET', user, 'want_' .. kind) or '', 1, #wish) ~= wish
  put('want_' .. kind, '')
  claims = claims .. kind .. ' ' .. name .. ' ' .. nonce .. ';'
end
if stale then return { 'STALE' } end
if changes_metadata and (redis.call('HGET', user, 'metadata') or '') ~= metadata_before then
  return { 'MOVED' }
end
put('claims', claims)
becomes_dirty(dirty, due, user_id, flush_after)
redis.call('ZADD', dirty, tick, 'user')
redis.call('HSET', user, unpack(change))
if ends_sessions then redis.call('SPUBLISH', ended_channel, user_id) end
return { 'OK', tick }
