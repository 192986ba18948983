-- Replaces a message: compare and set, over the record that the new JSON was made from. Not over
-- its rev: after a power cut, ticks may come again.
-- returns {'OK', message, told, roster, is more to be uncounted} | {'BUSY'}: another deletion is
-- not done yet | {'STALE'}: it has changed, or left Redis, since it was read | {'ROLE'}: neither
-- its author nor one who may delete it | {'FULL'}: too many older ones are not saved | {'NO_GROUP'}
-- | {'CROWD'}: the author may not mention all of them | {'COLD'} | {'SKEW'} | {'FORBIDDEN'} |
-- {'BLOCKED'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local deletes = action == 'delete'
local may = actor == author
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock, _, _, blocks, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local record = redis.call('HGET', members, actor)
if not is_in(record) then return { 'FORBIDDEN' } end
if not may
  and not (deletes and redis.call('HGET', chat, 'kind') == 'group' and role_of(record) ~= 'member')
then
  return { 'ROLE' }
end
if not deletes and is_blocked(blocks, actor) then return { 'BLOCKED' } end
local refused = string.find(named, ' +all', 1, true)
  and refuses_all(chat, members, record, all_up_to)
if refused then return { refused } end
if deletes and keys.pending then return { 'BUSY' } end

local at = position(messages, tonumber(id))
local held = redis.call('LINDEX', messages, at)
local listed = held and id_of(held) == tonumber(id)
if not listed then held = redis.call('HGET', changed, id) end
local version = held and redis.sha1hex(held) or redis.call('HGET', chat, 'dropped')
if version ~= seen then return { 'STALE' } end
-- So many older messages that changed and are not saved are more than any reader should look at.
if not held and redis.call('HLEN', changed) >= 1000 then return { 'FULL' } end

local tick = math.max(clock + 1, now)
local rev = text(tick)
local message = head .. rev .. tail
  .. (action == 'edit' and ',"edited_at":"' .. rfc3339(tick) .. '"}' or '}') .. reactors
-- The chat's row too: its rev is what the clock begins with when it is loaded again.
local marks = { rev, 'message:' .. id, rev, 'chat' }
for user in string.gmatch(named, ' [+-](%S+)') do
  if user ~= 'all' then
    marks[#marks + 1] = rev
    marks[#marks + 1] = 'member:' .. user
  end
end
local naming = named ~= '' and id .. ' ' .. rev .. named
becomes_dirty(dirty, due, chat_id, flush_after)
redis.call('ZADD', dirty, unpack(marks))
if deletes then
  redis.call('HSET', chat, 'clock', rev, 'told', rev, 'rev', rev, 'deleting', id .. ' ' .. rev)
elseif naming then
  redis.call('HSET', chat, 'clock', rev, 'told', rev, 'rev', rev, 'naming', naming)
else
  redis.call('HSET', chat, 'clock', rev, 'told', rev, 'rev', rev)
end
if not deletes then
  local all = {}
  for user, emojis in each(others, 2) do
    all[#all + 1] = user
    all[#all + 1] = emojis
  end
  write_others(chat, id, all)
end
if listed then
  redis.call('LSET', messages, at, message)
else
  redis.call('HSET', changed, id, message)
end
if deletes then
  forget_others(chat, id)
  forget_files(files, held or '', id)
  complete(keys, { deleting = id .. ' ' .. rev })
end
if naming then complete(keys, { naming = naming }) end
stays_warm(token, ttl)
return { 'OK', message, told, roster, keys.pending and '1' or '0' }
