-- Reads, for a member, the messages of a chat that SQL does not have as they are, those before
-- `before` (0: all), newest first: from the oldest such on all that the list has, then older ones
-- that changed. At most `limit`, until they have so many bytes: at least one.
-- returns {'OK', id of the oldest of these: there may be more before it (0: there are none),
-- message ...} | {'COLD'} | {'FORBIDDEN'}
if redis.call('EXISTS', chat) == 0 then return then_sql({ 'COLD' }, commits) end
if not is_in(redis.call('HGET', members, reader)) then return { 'FORBIDDEN' } end
local function oldest_of(entries)
  local oldest
  for _, entry in ipairs(entries) do
    local id = tonumber(string.match(entry, '^message:(%d+)$'))
    if id and (not oldest or id < oldest) then oldest = id end
  end
  return oldest
end

local stop = before == '0' and redis.call('LLEN', messages) or position(messages, tonumber(before))
local first = 0 -- Of so many, some of these are unsaved.
if redis.call('ZCARD', dirty) + redis.call('ZCARD', parked) <= limit then
  local oldest
  for _, entries in ipairs({ dirty, parked }) do
    local id = oldest_of(redis.call('ZRANGE', entries, 0, -1))
    oldest = id and math.min(oldest or id, id) or oldest
  end
  first = oldest and math.min(position(messages, oldest), stop) or stop
end
local items, size =
  read_within(messages, stop - 1, math.min(stop - first, limit), -1, bytes)
local more = stop - #items > first and text(id_of(items[1])) or '0'
if more == '0' and redis.call('HLEN', changed) > 0 then
  local older = {}
  for _, id in ipairs(redis.call('HKEYS', changed)) do
    if before == '0' or tonumber(id) < tonumber(before) then older[#older + 1] = tonumber(id) end
  end
  table.sort(older, function(one, other) return one > other end)
  for at, id in ipairs(older) do
    if size >= bytes or #items >= limit then
      more = text(older[at - 1] or id_of(items[1]))
      break
    end
    local record = redis.call('HGET', changed, text(id))
    items[#items + 1] = record
    size = size + #record
  end
end
local found = { 'OK', more }
for _, message in ipairs(items) do found[#found + 1] = message end
return then_sql(found, commits)
