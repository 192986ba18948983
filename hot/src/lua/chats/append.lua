-- Appends a message to a chat.
-- returns {'OK', message, told, roster, published} | {'REPEATED', message}: the same was sent
-- before | {'SAVED', id, dropped}: it was sent before, and only SQL has it by now |
-- {'ASK', dropped}: only SQL can know whether it was | {'NO_GROUP'} | {'CROWD'}: the sender may not
-- mention all of them | {'COLD'} | {'SKEW'} | {'FORBIDDEN'} | {'BLOCKED'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local key = sender .. ':' .. client_id
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock, seq, texts, blocks, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local record = redis.call('HGET', members, sender)
if not is_in(record) then return { 'FORBIDDEN' } end

-- What SQL did not have, when it was asked, is nowhere only if no key has left Redis since: another
-- try of the same may have been appended, saved and forgotten.
local before = digest ~= '' and redis.call('ZSCORE', recent, digest)
  or redis.call('ZSCORE', sent, key)
local has_asked = seen ~= '' and seen == redis.call('HGET', chat, 'dropped')
if before and not (has_asked and before == missing) then
  local message = find_message(messages, tonumber(before))
  if message then return { 'REPEATED', message } end
  local oldest = redis.call('LINDEX', messages, 0)
  -- An id newer than the oldest here, and yet not here: that call was stopped before it wrote the
  -- message.
  if oldest and tonumber(before) < id_of(oldest) then
    return then_sql({ 'SAVED', before, redis.call('HGET', chat, 'dropped') }, commits)
  end
elseif not has_asked and (is_old or seen ~= '') then
  return then_sql({ 'ASK', redis.call('HGET', chat, 'dropped') }, commits)
end
if is_blocked(blocks, sender) then return { 'BLOCKED' } end
local refused = is_for_all(tail) and refuses_all(chat, members, record, all_up_to)
if refused then return { refused } end

local tick = math.max(clock + 1, now)
local id = text(tick)
local message = '{"id":' .. id .. ',"seq":' .. text(seq + 1) .. ',"rev":' .. id
  .. ',"created_at":"' .. rfc3339(tick) .. '",' .. tail
becomes_dirty(dirty, due, chat_id, flush_after)
for _, user in ipairs(mentioned(tail, sender)) do
  redis.call('ZADD', dirty, id, 'member:' .. user)
end
redis.call('ZADD', dirty, id, 'message:' .. id, id, 'member:' .. sender, id, 'chat')
redis.call('ZADD', tells_age and recent or sent, id, tells_age and digest or key)
index_files(files, tail, id)
redis.call('RPUSH', messages, message)
follow(keys, message, texts, sender, record)
stays_warm(token, ttl)

-- Its readers are notified in the same step, if they are those whom the caller knows; of what
-- `Notification` in Rust says of a new message.
local is_published = inboxes.first <= inboxes.last and roster == readers
if is_published then
  local event = 'c ' .. chat_id .. ' ' .. told .. ' ' .. id
    .. '\n{"type":"message.created","chat_id":"' .. chat_id .. '","clock":' .. id .. ',"prev":'
    .. told .. ',"message":' .. message .. '}'
  for inbox in each(inboxes, 1) do redis.call('SPUBLISH', inbox, event) end
end
return { 'OK', message, told, roster, is_published and 1 or 0 }
