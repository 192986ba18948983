-- Changes a private row: compare and set, over the value that the new one was made from. Not over
-- its rev: after a power cut, ticks may come again. One HSET makes the change, so it is made whole
-- or not at all.
-- returns {'OK', rev} | {'STALE'}: it has changed since it was read | {'MANY'}: the user has as
-- many rows as they may | {'COLD'} | {'SKEW'}
local clock = redis.call('HGET', user, 'clock')
if not clock then return { 'COLD' } end
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local rev, held =
  string.match(redis.call('HGET', private_rows, about) or '0 ', '^(%d+) (.*)$')
if held == value then return { 'OK', rev } end
if redis.sha1hex(held) ~= seen then return { 'STALE' } end
-- A row without a value goes once it is saved, and so always finds room.
if held == '' and value ~= '' and redis.call('HLEN', private_rows) >= max_rows then
  return { 'MANY' }
end
local tick = text(math.max(tonumber(clock) + 1, now))
becomes_dirty(dirty, due, user_id, flush_after)
redis.call('ZADD', dirty, tick, 'mine:' .. about)
local of_chat = string.match(about, '^chat:(.*)$')
local pins = of_chat and has_pin(value)
if of_chat then redis.call('ZADD', order, 'XX', 'GT', tick, of_chat) end
if pins then redis.call('SADD', pinned, of_chat) end
-- The clock first: a change after a stop here has a later tick than the mark that was left.
redis.call('HSET', user, 'clock', tick)
redis.call('HSET', private_rows, about, tick .. ' ' .. value)
if of_chat and not pins then redis.call('SREM', pinned, of_chat) end
return { 'OK', tick }
