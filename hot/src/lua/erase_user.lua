-- A user is erased: nothing is left of their row but that they were, and nothing at all of what was theirs alone, nor of their sessions. Run again, it
-- takes away what is left.
-- KEYS user mine dirty due sessions
-- ARGV now_us user_id flush_after_ms, prefix of the keys of their sessions, in the same slot
-- returns {'OK', tick} | {'COLD'} | {'SKEW'}
local clock, erased = unpack(redis.call('HMGET', KEYS[1], 'clock', 'erased'))
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
local done = erased and erased ~= '0'
local tick = done and erased or text(math.max(tonumber(clock) + 1, now))
local rows, kept, dirty = redis.call('HGETALL', KEYS[2]), {}, done and {} or { tick, 'user' }
-- A row's own rev must rise: they are written after the user was.
local rev = done and text(math.max(tonumber(clock) + 1, now)) or tick
for i = 1, #rows, 2 do
  if not string.match(rows[i + 1], '^%d+ $') then
    kept[#kept + 1] = rows[i]
    kept[#kept + 1] = rev .. ' '
    dirty[#dirty + 1] = rev
    dirty[#dirty + 1] = 'mine:' .. rows[i]
  end
end
-- Lua's stack takes some 8,000 values in one call.
local function write(command, key, values)
  for start = 1, #values, 1000 do redis.call(command, key, unpack(values, start, math.min(start + 999, #values))) end
end
if #dirty > 0 then
  becomes_dirty(KEYS[3], KEYS[4], ARGV[2], tonumber(ARGV[3]))
  write('ZADD', KEYS[3], dirty)
end
if not done then
  redis.call('HSET', KEYS[1], 'clock', tick, 'rev', tick, 'erased', tick, 'password_rev', tick, 'username', '', 'email', '', 'display_name', '', 'bio', '',
    'avatar', '', 'password', '', 'want_username', '', 'want_email', '')
elseif #kept > 0 then
  redis.call('HSET', KEYS[1], 'clock', rev)
end
write('HSET', KEYS[2], kept)
for _, hash in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do redis.call('DEL', ARGV[4] .. hash) end
redis.call('DEL', KEYS[5])
return { 'OK', tick }
