-- A page of a chat's hot messages, for one of its members.
-- KEYS chat token messages members changed
-- ARGV user before after limit   (before, after: ids; 0 for none; both none: the newest)
-- returns {'OK', pttl of the token, seq of the chat, id of the oldest message here (0: none), is that the chat's first, how many older ones changed, those ..., message ...} oldest first
--       | {'COLD'} | {'FORBIDDEN'}
local seq = redis.call('HGET', KEYS[1], 'seq')
if not seq then return { 'COLD' } end
if not is_in(redis.call('HGET', KEYS[4], ARGV[1])) then return { 'FORBIDDEN' } end
local oldest, newest = redis.call('LINDEX', KEYS[3], 0), redis.call('LINDEX', KEYS[3], -1)
local before, after, limit = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local items
if before > 0 then
  local stop = position(KEYS[3], before)
  items = stop > 0 and redis.call('LRANGE', KEYS[3], math.max(0, stop - limit), stop - 1) or {}
elseif after > 0 then
  local start = position(KEYS[3], after + 1)
  items = redis.call('LRANGE', KEYS[3], start, start + limit - 1)
else
  items = redis.call('LRANGE', KEYS[3], -limit, -1)
end
-- The list is the truth about the newest seq, should a call have been stopped after writing it.
if newest then seq = string.match(newest, '"seq":(%d+)') end
local first = (not oldest or string.find(oldest, '"seq":1,', 1, true)) and '1' or '0'
local found = { 'OK', redis.call('PTTL', KEYS[2]), seq, oldest and text(id_of(oldest)) or '0', first }
-- SQL does not have these as they are.
local changed = redis.call('HVALS', KEYS[5])
found[6] = text(#changed)
for _, message in ipairs(changed) do found[#found + 1] = message end
for _, message in ipairs(items) do found[#found + 1] = message end
return found
