-- Reads a page of a chat's hot messages, for one of its members. It ends when it has so many
-- bytes, with at least one message.
-- returns {'OK', pttl of the token, seq of the chat, id of the oldest message here (0: none), has
-- SQL nothing to add, the number of older ones that changed, {what those here answer ...}, {id,
-- emojis, ...: the reader's reactions that the records do not name}, {'rev value' or '': the
-- reader's settings for the chat, if they are here and asked for}, those older ones ..., message
-- ...}, oldest first | {'COLD'} | {'FORBIDDEN'}
local seq = redis.call('HGET', chat, 'seq')
if not seq then return { 'COLD' } end
if not is_in(redis.call('HGET', members, reader)) then return { 'FORBIDDEN' } end
local oldest, newest = redis.call('LINDEX', messages, 0), redis.call('LINDEX', messages, -1)
local before_id, after_id = tonumber(before), tonumber(after)
local length = redis.call('LLEN', messages)
local is_forward = before_id == 0 and after_id > 0
-- The list is the truth about the newest seq, should a call have been stopped after writing it.
if newest then seq = string.match(newest, '"seq":(%d+)') end
local is_first = not oldest or string.find(string.sub(oldest, 1, 64), '"seq":1,', 1, true) ~= nil
local room, items, is_cut = bytes, {}, false

-- SQL does not have these as they are: those that may be in the part of the page that SQL has. The
-- nearest come first, until they fill the page: it ends with the last of them at the latest.
local older = {}
local function read_older()
  if redis.call('HLEN', changed) == 0 then return end
  local near = {}
  for _, id in ipairs(redis.call('HKEYS', changed)) do
    local number = tonumber(id)
    if number > after_id and (before_id == 0 or number < before_id) then
      near[#near + 1] = { id, number }
    end
  end
  local sign = after_id > 0 and 1 or -1
  table.sort(near, function(one, other) return sign * one[2] < sign * other[2] end)
  for at = 1, math.min(#near, limit) do
    if room <= 0 then return end
    older[at] = redis.call('HGET', changed, near[at][1])
    room = room - #older[at]
  end
end

local reaches_sql
if is_forward then
  reaches_sql = not is_first and after_id < id_of(oldest)
  if reaches_sql then read_older() end
  local start = position(messages, after_id + 1)
  local count = math.min(limit, length - start)
  if room > 0 then items = read_within(messages, start, count, 1, room) end
else
  local stop = before_id > 0 and position(messages, before_id) or length
  local size
  items, size = read_within(messages, stop - 1, math.min(limit, stop), -1, bytes)
  room = bytes - size
  is_cut = #items < math.min(limit, stop)
  reaches_sql = not is_first and not is_cut and #items < limit
  if reaches_sql then read_older() end
end

local answered, is_elsewhere = answered_by(items, messages, changed)
local reactions = {}
if redis.call('EXISTS', reacted_of(chat)) == 1 then
  for _, some in ipairs({ older, items }) do
    for _, message in ipairs(some) do
      local id = string.match(message, '^{"id":(%d+)')
      local mine = redis.call('HGET', others_of(chat, id), reader)
      if mine then
        reactions[#reactions + 1] = id
        reactions[#reactions + 1] = mine
      end
    end
  end
end
local settings = {}
if with_settings then
  local own = user_key(reader)
  if redis.call('EXISTS', own) == 1 then
    settings[1] = redis.call('HGET', own .. ':mine', 'chat:' .. string.match(chat, '[^:]+$')) or ''
  end
end
local found = {
  'OK', redis.call('PTTL', token), seq, oldest and text(id_of(oldest)) or '0',
  (is_first or is_cut) and '1' or '0', text(#older), answered, reactions, settings,
}
for _, message in ipairs(older) do found[#found + 1] = message end
for _, message in ipairs(items) do found[#found + 1] = message end
return (reaches_sql or is_elsewhere) and then_sql(found, commits) or found
