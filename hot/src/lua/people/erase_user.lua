-- Erases a user: of the row only the fact is left that there was one, and nothing at all of the
-- private rows and the sessions. Of these each call takes away some. Run again, it takes away what
-- is left.
-- returns {'OK', tick, the place among the private rows to go on from ('': these were the last),
-- how many rows and sessions were taken away} | {'COLD'} | {'SKEW'}
local clock, erased = unpack(redis.call('HMGET', user, 'clock', 'erased'))
if not clock then return { 'COLD' } end
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local done = erased and erased ~= '0'
local tick = done and erased or text(math.max(tonumber(clock) + 1, now))
local cursor, process = string.match(place, '^(%d+) ?(%w*)$')
if cursor ~= '0' and process ~= this_process() then cursor = '0' end
local step = redis.call('HSCAN', private_rows, cursor, 'COUNT', most)
local rows, kept, marks = step[2], {}, done and {} or { tick, 'user' }
-- A row's own rev must rise: they are written after the user was.
local rev = done and text(math.max(tonumber(clock) + 1, now)) or tick
for i = 1, #rows, 2 do
  if not string.match(rows[i + 1], '^%d+ $') then
    kept[#kept + 1] = rows[i]
    kept[#kept + 1] = rev .. ' '
    marks[#marks + 1] = rev
    marks[#marks + 1] = 'mine:' .. rows[i]
  end
end
-- Lua's stack takes some 8,000 values in one call.
local function write(command, key, values)
  for start = 1, #values, 1000 do
    redis.call(command, key, unpack(values, start, math.min(start + 999, #values)))
  end
end
if #marks > 0 then
  becomes_dirty(dirty, due, user_id, flush_after)
  write('ZADD', dirty, marks)
end
if not done then
  redis.call('HSET', user, 'clock', tick, 'rev', tick, 'erased', tick, 'password_rev', tick,
    'username', '', 'email', '', 'display_name', '', 'bio', '', 'avatar', '', 'password', '',
    'found_by_email', '0', 'external_id', '', 'disabled', '0', 'metadata', '', 'want_username', '',
    'want_email', '', 'want_external', '')
  redis.call('SPUBLISH', ended_channel, user_id)
elseif #kept > 0 then
  redis.call('HSET', user, 'clock', rev)
end
write('HSET', private_rows, kept)
local ended = redis.call('ZRANGE', sessions, 0, most - 1)
for _, hash in ipairs(ended) do redis.call('DEL', session_prefix .. hash) end
if #ended > 0 then redis.call('ZREM', sessions, unpack(ended)) end
return {
  'OK', tick, step[1] == '0' and '' or step[1] .. ' ' .. (this_process() or ''),
  text(#kept / 2 + #ended),
}
