-- A member has read, or received, up to here; only ever forward, and never past the newest message.
-- KEYS chat token messages members dirty due changed
-- ARGV now_us chat_id user read delivered ttl_ms flush_after_ms below texts_below told_up_to
--      below, texts_below: how many texts SQL has after `read` and before the id `below`; 0 0 at the first try
--      told_up_to: in a larger chat nobody is told of it
-- returns {'OK', member, unread texts, told, roster}; told is '' when nobody is to be told | {'SAME'}: nothing to change | {'COUNT', below}: the texts before `below` must be counted in SQL | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = { chat = KEYS[1], messages = KEYS[3], members = KEYS[4], changed = KEYS[7] }
local clock, _, texts, _, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
local member = member_of(redis.call('HGET', KEYS[4], ARGV[3]))
if not member or member.left ~= '0' then return { 'FORBIDDEN' } end
local newest = redis.call('LINDEX', KEYS[3], -1)
if not newest then return { 'SAME' } end
local last = id_of(newest)
local reads = math.min(tonumber(ARGV[4]), last)
local delivers = math.max(math.min(tonumber(ARGV[5]), last), reads, tonumber(member.delivered))
if reads <= tonumber(member.read) and delivers <= tonumber(member.delivered) then return { 'SAME' } end

if reads > tonumber(member.read) then
  local oldest = redis.call('LINDEX', KEYS[3], 0)
  local unread, from = 0, 0
  if reads >= id_of(oldest) then
    from = position(KEYS[3], reads + 1)
  elseif string.find(oldest, '"seq":1,', 1, true) then
    from = 0
  elseif tonumber(ARGV[8]) >= id_of(oldest) then
    unread, from = tonumber(ARGV[9]), position(KEYS[3], tonumber(ARGV[8]))
  else
    return { 'COUNT', text(id_of(oldest)) }
  end
  while true do
    local chunk = redis.call('LRANGE', KEYS[3], from, from + 255)
    for _, message in ipairs(chunk) do
      if is_text(message) then unread = unread + 1 end
    end
    if #chunk < 256 then break end
    from = from + 256
  end
  member.read, member.counted = text(reads), text(texts - unread)
  member.mentions = without(member.mentions, function(id) return id <= reads end)
end

local tick = text(math.max(clock + 1, now))
becomes_dirty(KEYS[5], KEYS[6], ARGV[2], tonumber(ARGV[7]))
redis.call('ZADD', KEYS[5], tick, 'member:' .. ARGV[3])
local tells = redis.call('HLEN', KEYS[4]) <= tonumber(ARGV[10])
if tells then
  redis.call('HSET', KEYS[1], 'clock', tick, 'told', tick)
else
  redis.call('HSET', KEYS[1], 'clock', tick)
end
member.delivered, member.rev = text(delivers), tick
local record = record_of(member)
redis.call('HSET', KEYS[4], ARGV[3], record)
stays_warm(KEYS[2], tonumber(ARGV[6]))
return { 'OK', record, texts - tonumber(member.counted), tells and told or '', roster }
