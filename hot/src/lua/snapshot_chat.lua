-- The oldest rows of a chat that SQL does not have. It renews the lease, so that its connection has a write to wait for (WAITAOF, WAIT).
-- KEYS chat messages members dirty due changed parked
-- ARGV chat_id rows bytes newest lease_ms   (newest: later rows are left for later)
-- returns {'GONE'} | {'OK', saved, told, roster, {entry, rev, row} ...}
--      saved: all changes up to this tick are among the rows, or saved already; the row of `chat` is a list of its fields, of `list:UID` the member's; '' when there is none
-- SQL is never shown a message that its chat does not count yet.
local clock, _, _, _, told, roster = mend({ chat = KEYS[1], messages = KEYS[2], members = KEYS[3], changed = KEYS[6] })
if not clock then
  redis.call('ZREM', KEYS[5], ARGV[1])
  return { 'GONE' }
end
local row = redis.call('HMGET', KEYS[1], 'kind', 'name', 'creator', 'created', 'last', 'seq', 'texts', 'rev', 'description', 'avatar', 'blocks', 'deleted')
local room = tonumber(ARGV[3])
redis.call('ZADD', KEYS[5], text(math.floor(micros() / 1000) + tonumber(ARGV[5])), ARGV[1])
local entries = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[4], 'WITHSCORES', 'LIMIT', 0, ARGV[2])

-- Unsaved messages are neighbours in the list more often than not: a window that starts at the oldest of them holds most, read in steps.
local at, window = nil, {}
local function message_of(id)
  local number = tonumber(id)
  at = at or position(KEYS[2], number)
  while not window.last or window.last < number do
    local step = redis.call('LRANGE', KEYS[2], at, at + 31)
    if #step == 0 then break end
    at = at + #step
    for _, message in ipairs(step) do window[string.match(message, '^{"id":(%d+)')] = message end
    window.last = id_of(step[#step])
  end
  local message = window[id]
  window[id] = nil
  return message or find_message(KEYS[2], number)
end

local found, saved = { 'OK', 0, told, roster }, math.min(clock, tonumber(ARGV[4]))
if #entries == 2 * tonumber(ARGV[2]) then saved = tonumber(entries[#entries]) - 1 end
for i = 1, #entries, 2 do
  local entry, rev = entries[i], entries[i + 1]
  local kind, id = string.match(entry, '^(%a+):?(.*)$')
  local data
  if kind == 'chat' then
    data = row
  elseif kind == 'message' then
    data = message_of(id) or redis.call('HGET', KEYS[6], id) or ''
    room = room - #data
  else
    data = redis.call('HGET', KEYS[3], id) or ''
  end
  found[#found + 1] = { entry, rev, data }
  if room <= 0 then
    saved = math.min(saved, tonumber(rev) - 1)
    break
  end
end
local parked = redis.call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')[2]
found[2] = text(parked and math.min(saved, tonumber(parked) - 1) or saved)
return found
