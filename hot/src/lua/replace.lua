-- A message is written anew: compare and set, over what the new JSON was made from. Not over its rev: after a power cut, ticks may come again.
-- KEYS chat token messages members dirty due changed
-- ARGV now_us chat_id actor author id seen head tail 'edit'|'delete'|'react' beside ttl_ms flush_after_ms
--      seen: the SHA-1 of the record that was read, or what `dropped` was before SQL was read for it; head, tail: the JSON before and after its rev, without the closing brace; beside: what is
--      kept beside the JSON
-- returns {'OK', message, told, roster} | {'STALE'}: it has changed, or left Redis, since it was read | {'ROLE'}: neither its author nor one who may delete it
--       | {'COLD'} | {'SKEW'} | {'FORBIDDEN'} | {'BLOCKED'}
local keys = { chat = KEYS[1], messages = KEYS[3], members = KEYS[4], changed = KEYS[7] }
local actor, author, id, deletes = ARGV[3], ARGV[4], ARGV[5], ARGV[9] == 'delete'
local may = ARGV[9] == 'react' or actor == author
local clock, _, _, blocks, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
local record = redis.call('HGET', KEYS[4], actor)
if not is_in(record) then return { 'FORBIDDEN' } end
if not may and not (deletes and redis.call('HGET', KEYS[1], 'kind') == 'group' and role_of(record) ~= 'member') then return { 'ROLE' } end
if not deletes and is_blocked(blocks, actor) then return { 'BLOCKED' } end

local at = position(KEYS[3], tonumber(id))
local held = redis.call('LINDEX', KEYS[3], at)
local listed = held and id_of(held) == tonumber(id)
if not listed then held = redis.call('HGET', KEYS[7], id) end
local seen = held and redis.sha1hex(held) or redis.call('HGET', KEYS[1], 'dropped')
if seen ~= ARGV[6] then return { 'STALE' } end

local tick = math.max(clock + 1, now)
local rev = text(tick)
local message = ARGV[7] .. rev .. ARGV[8] .. (ARGV[9] == 'edit' and ',"edited_at":"' .. rfc3339(tick) .. '"}' or '}') .. ARGV[10]
-- The chat's row too: its rev is what the clock begins with when it is loaded again.
local dirty = { rev, 'message:' .. id, rev, 'chat' }
if deletes then
  local records = redis.call('HGETALL', KEYS[4])
  for i = 1, #records, 2 do
    local read = string.match(records[i + 1], '"left":0,"read":(%d+)')
    if read and tonumber(read) < tonumber(id) then
      dirty[#dirty + 1] = rev
      dirty[#dirty + 1] = 'member:' .. records[i]
    end
  end
end
becomes_dirty(KEYS[5], KEYS[6], ARGV[2], tonumber(ARGV[12]))
redis.call('ZADD', KEYS[5], unpack(dirty))
if deletes then
  redis.call('HSET', KEYS[1], 'clock', rev, 'told', rev, 'rev', rev, 'deleting', id .. ' ' .. rev)
else
  redis.call('HSET', KEYS[1], 'clock', rev, 'told', rev, 'rev', rev)
end
if listed then redis.call('LSET', KEYS[3], at, message) else redis.call('HSET', KEYS[7], id, message) end
if deletes then uncount(keys, id .. ' ' .. rev) end
stays_warm(KEYS[2], tonumber(ARGV[11]))
return { 'OK', message, told, roster }
