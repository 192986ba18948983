-- A row that is a user's alone changes: compare and set, over the value it was made from. Not over its rev: after a power cut, ticks may come again. One HSET makes the change, so it is made whole or not at all.
-- KEYS user mine dirty due
-- ARGV now_us user_id about seen value flush_after_ms   (seen: the SHA-1 of the value that was read; value '': nothing)
-- returns {'OK', rev} | {'STALE'}: it has changed since it was read | {'COLD'} | {'SKEW'}
local clock = redis.call('HGET', KEYS[1], 'clock')
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
local rev, value = string.match(redis.call('HGET', KEYS[2], ARGV[3]) or '0 ', '^(%d+) (.*)$')
if value == ARGV[5] then return { 'OK', rev } end
if redis.sha1hex(value) ~= ARGV[4] then return { 'STALE' } end
local tick = text(math.max(tonumber(clock) + 1, now))
becomes_dirty(KEYS[3], KEYS[4], ARGV[2], tonumber(ARGV[6]))
redis.call('ZADD', KEYS[3], tick, 'mine:' .. ARGV[3])
-- The clock first: what comes after a stop here has a later tick than what it left marked.
redis.call('HSET', KEYS[1], 'clock', tick)
redis.call('HSET', KEYS[2], ARGV[3], tick .. ' ' .. ARGV[5])
return { 'OK', tick }
