-- A message to a chat.
-- KEYS chat token messages members dirty sent due changed
-- ARGV now_us chat_id sender client_id tail ttl_ms flush_after_ms forget
--      tail: the message's JSON after its ticks; forget: '1' when SQL does not have what `sent` remembers
-- returns {'OK', message, told, roster} | {'AGAIN', message} | {'SAVED', id}: sent before, and only in SQL by now | {'COLD'} | {'SKEW'} | {'FORBIDDEN'} | {'BLOCKED'}
local keys = { chat = KEYS[1], messages = KEYS[3], members = KEYS[4], changed = KEYS[8] }
local sender, key = ARGV[3], ARGV[3] .. ':' .. ARGV[4]
local clock, seq, texts, blocks, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
if not is_in(redis.call('HGET', KEYS[4], sender)) then return { 'FORBIDDEN' } end

local before = redis.call('ZSCORE', KEYS[6], key)
if before and ARGV[8] ~= '1' then
  local message = find_message(KEYS[3], tonumber(before))
  if message then return { 'AGAIN', message } end
  local oldest = redis.call('LINDEX', KEYS[3], 0)
  -- Newer than the oldest here and yet not here: that call was stopped before it wrote the message.
  if oldest and tonumber(before) < id_of(oldest) then return { 'SAVED', before } end
end
if is_blocked(blocks, sender) then return { 'BLOCKED' } end

local tick = math.max(clock + 1, now)
local id = text(tick)
local message = '{"id":' .. id .. ',"seq":' .. text(seq + 1) .. ',"rev":' .. id .. ',"created_at":"' .. rfc3339(tick) .. '",' .. ARGV[5]
local dirty = { id, 'message:' .. id, id, 'member:' .. sender, id, 'chat' }
for _, user in ipairs(mentioned(ARGV[5], sender)) do
  dirty[#dirty + 1] = id
  dirty[#dirty + 1] = 'member:' .. user
end
becomes_dirty(KEYS[5], KEYS[7], ARGV[2], tonumber(ARGV[7]))
redis.call('ZADD', KEYS[5], unpack(dirty))
redis.call('ZADD', KEYS[6], id, key)
redis.call('RPUSH', KEYS[3], message)
follow(keys, message, texts)
stays_warm(KEYS[2], tonumber(ARGV[6]))
return { 'OK', message, told, roster }
