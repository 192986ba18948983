-- One of the two of a direct chat blocks the other, or no longer does: the later of two changes wins.
-- KEYS chat token messages members dirty due changed
-- ARGV now_us chat_id user since '1'|'0' flush_after_ms   (since: the rev of the user's own row that says so)
-- returns {'OK'} | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = { chat = KEYS[1], messages = KEYS[3], members = KEYS[4], changed = KEYS[7] }
local user, since = ARGV[3], ARGV[4]
local clock, _, _, blocks = mend(keys)
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
if not is_in(redis.call('HGET', KEYS[4], user)) then return { 'FORBIDDEN' } end
local kept = { user .. ':' .. since .. ':' .. ARGV[5] }
for who, when, on in string.gmatch(blocks, '([^: ]+):(%d+):([01])') do
  if who ~= user then
    kept[#kept + 1] = who .. ':' .. when .. ':' .. on
  elseif tonumber(when) >= tonumber(since) then
    return { 'OK' }
  end
end
local rev = text(math.max(clock + 1, now))
becomes_dirty(KEYS[5], KEYS[6], ARGV[2], tonumber(ARGV[6]))
redis.call('ZADD', KEYS[5], rev, 'chat')
redis.call('HSET', KEYS[1], 'clock', rev, 'rev', rev, 'blocks', table.concat(kept, ' '))
return { 'OK' }
