-- Moves a member's read and delivered marks; only ever forward, and never past the newest message.
-- returns {'OK', member, unread texts, told, roster}; told is '' when nobody is to be notified |
-- {'SAME'}: nothing to change | {'COUNT', below, dropped, id ...}: the texts before `below`, but
-- for these, must be counted in SQL | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock, _, texts, _, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local member = member_of(redis.call('HGET', members, reader))
if not member or member.left ~= '0' then return { 'FORBIDDEN' } end
discount(keys.pending, member)
local newest = redis.call('LINDEX', messages, -1)
if not newest then return { 'SAME' } end
local last = id_of(newest)
local reads = math.min(tonumber(read), last)
local delivers = math.max(math.min(tonumber(delivered), last), reads, tonumber(member.delivered))
if reads <= tonumber(member.read) and delivers <= tonumber(member.delivered) then
  return { 'SAME' }
end

-- Counts the texts of the list from an index on: a few one by one, many by those that are none.
local function texts_from(from)
  local count = math.max(redis.call('LLEN', messages) - from, 0)
  if count > 16 and redis.call('HGET', chat, 'indexed') then
    local first = id_of(redis.call('LINDEX', messages, from))
    return count - redis.call('ZCOUNT', silent, text(first), '+inf')
  end
  count = 0
  for _, message in ipairs(redis.call('LRANGE', messages, from, -1)) do
    if is_text(message) then count = count + 1 end
  end
  return count
end

-- Returns the ids of the texts between two ids, older than the list, of whose deletion SQL does not
-- know yet, or did not a moment ago.
local function deleted_between(after, before)
  local found = {}
  for _, id in ipairs(redis.call('HKEYS', changed)) do
    -- What is left of a deleted one is short.
    if tonumber(id) > after and tonumber(id) < before
      and redis.call('HSTRLEN', changed, id) < 4096
    then
      local message = redis.call('HGET', changed, id)
      if string.find(message, '"deleted":true', 1, true) then found[#found + 1] = id end
    end
  end
  table.sort(found)
  return found
end

if reads > tonumber(member.read) then
  local oldest = redis.call('LINDEX', messages, 0)
  local unread, from = 0, 0
  if reads >= id_of(oldest) then
    from = position(messages, reads + 1)
  elseif string.find(oldest, '"seq":1,', 1, true) then
    from = 0
  else
    local deleted = deleted_between(reads, id_of(oldest))
    local dropped = redis.call('HGET', chat, 'dropped')
    -- SQL counted without them, whether it knew of their deletion or not; and no other row that it
    -- counted has left Redis since, or was deleted.
    if below ~= text(id_of(oldest)) or seen ~= dropped
      or table.concat({ values_of(left_out) }, ' ') ~= table.concat(deleted, ' ')
    then
      return then_sql({ 'COUNT', text(id_of(oldest)), dropped, unpack(deleted) }, commits)
    end
    unread = texts_below
  end
  unread = unread + texts_from(from)
  member.read, member.counted = text(reads), text(texts - unread)
  member.mentions = without(member.mentions, function(id) return id <= reads end)
end

local tick = text(math.max(clock + 1, now))
becomes_dirty(dirty, due, chat_id, flush_after)
redis.call('ZADD', dirty, tick, 'member:' .. reader)
local notifies = redis.call('HLEN', members) <= notify_up_to
if notifies then
  redis.call('HSET', chat, 'clock', tick, 'told', tick)
else
  redis.call('HSET', chat, 'clock', tick)
end
member.delivered, member.rev = text(delivers), tick
local record = record_of(member)
redis.call('HSET', members, reader, record)
stays_warm(token, ttl)
return { 'OK', record, texts - tonumber(member.counted), notifies and told or '', roster }
