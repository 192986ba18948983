-- Reads, for a member, what of a chat has a rev above `since`: members, and those of the hot
-- messages. Of a long list only unsaved ones are read, by rev, up to `limit` and until they have so
-- many bytes, at least one: SQL has the rest.
-- returns {'OK', clock, has SQL more of its former members, has SQL nothing to add, the rev up to
-- which these are all ('': there are no more), {user, member, ...}, {what they answer ...}, message
-- ...} | {'COLD'} | {'FORBIDDEN'}
local clock, gone = unpack(redis.call('HMGET', chat, 'clock', 'gone'))
if not clock then return { 'COLD' } end
if not is_in(redis.call('HGET', members, reader)) then return { 'FORBIDDEN' } end
local after = tonumber(since)
local oldest = redis.call('LINDEX', messages, 0)
local changed_members, room = {}, bytes
if with_members then
  local records = redis.call('HGETALL', members)
  -- Members take time, too, and so leave less for messages.
  room = math.max(bytes - 256 * #records, bytes / 8)
  for i = 1, #records, 2 do
    if rev_of_member(records[i + 1]) > after then
      changed_members[#changed_members + 1] = records[i]
      changed_members[#changed_members + 1] = records[i + 1]
    end
  end
end

local some, upto = {}, nil
local function add(record)
  if record and rev_of(record) > after then some[#some + 1] = record end
end
-- Reads all of a short list; false when that is too much.
local function read_all()
  local length, older = redis.call('LLEN', messages), redis.call('HLEN', changed)
  if length + older > limit then return false end
  local listed, size = read_within(messages, 0, length, 1, room / 4)
  if #listed < length then return false end
  for _, id in ipairs(older > 0 and redis.call('HKEYS', changed) or {}) do
    if size >= room / 2 then return false end
    local record = redis.call('HGET', changed, id)
    listed[#listed + 1] = record
    size = size + #record
  end
  for _, record in ipairs(listed) do add(record) end
  return true
end
local is_short = read_all()
if not is_short then
  local message_of = window_over(messages)
  for _, entries in ipairs({ dirty, parked }) do
    local offset, count, size, start, unsaved = 0, 0, 0, looked_at, nil
    local function is_full()
      return count == limit or size >= room or looked_at - start >= room
    end
    repeat
      unsaved = redis.call('ZRANGEBYSCORE', entries, '(' .. since, '+inf', 'WITHSCORES', 'LIMIT',
        offset, limit)
      offset = offset + limit
      for i = 1, #unsaved, 2 do
        local id = string.match(unsaved[i], '^message:(%d+)$')
        if id and not is_full() then
          count = count + 1
          local record = message_of(id) or redis.call('HGET', changed, id)
          size = size + (record and #record or 0)
          add(record)
          -- No two messages have one rev.
          if is_full() then upto = math.min(upto or math.huge, tonumber(unsaved[i + 1])) end
        end
      end
    until is_full() or #unsaved < 2 * limit
  end
end

local complete = is_short and (not oldest or string.find(oldest, '"seq":1,', 1, true))
local answered, is_elsewhere = answered_by(some, messages, changed)
local found = {
  'OK', clock, tonumber(gone or 0) > after and '1' or '0', complete and '1' or '0',
  upto and text(upto) or '', changed_members, answered,
}
for _, message in ipairs(some) do found[#found + 1] = message end
local needs_sql = not complete or is_elsewhere or found[3] == '1'
return needs_sql and then_sql(found, commits) or found
