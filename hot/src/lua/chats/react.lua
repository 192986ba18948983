-- Adds a member's reaction to a message, or takes it back. Whom the record does not name is in a
-- hash of its own, so the cost does not grow with who reacted.
-- returns {'OK', message, told, roster, {the one it answers}} | {'SAME'}: nothing to change |
-- {'SAVED', dropped}: only SQL has the message, or nobody | {'DELETED'} | {'MANY'}: of as many
-- kinds as there may be | {'FULL'}: too many older ones are not saved | {'COLD'} | {'SKEW'} |
-- {'FORBIDDEN'} | {'BLOCKED'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock, _, _, blocks, told, roster = mend(keys)
if not clock then return { 'COLD' } end
if not is_in(redis.call('HGET', members, actor)) then return { 'FORBIDDEN' } end

local at = position(messages, tonumber(id))
local held = redis.call('LINDEX', messages, at)
local listed = held and id_of(held) == tonumber(id)
if not listed then held = redis.call('HGET', changed, id) end
if not held then
  local dropped = redis.call('HGET', chat, 'dropped')
  if record == '' or seen ~= dropped then return then_sql({ 'SAVED', dropped }, commits) end
  if redis.call('HLEN', changed) >= 1000 then return { 'FULL' } end
end
local json, line = string.match(held or record, '^([^\n]*)\n?(.*)$')
if string.find(json, '"deleted":true', 1, true) then return { 'DELETED' } end

-- The others of a message that was not here, or that the first release wrote, are written anew.
local kinds, others = kinds_of(json), nil
if held then
  others = others_beside(line, kinds)
else
  others = {}
  for user, emojis in each(saved_others, 2) do
    others[#others + 1] = user
    others[#others + 1] = emojis
  end
end
local mine = not others and redis.call('HGET', others_of(chat, id), actor) or ''
for i = 1, #(others or {}), 2 do
  if others[i] == actor then mine = others[i + 1] end
end

local place, kind, me = #kinds + 1, nil, '"' .. actor .. '"'
for i, one in ipairs(kinds) do
  if one.emoji == emoji then place, kind = i, one end
end
local named = kind ~= nil and string.find(kind.users, me, 1, true) ~= nil
local unnamed = string.find(' ' .. mine .. ' ', ' ' .. emoji .. ' ', 1, true) ~= nil
if on == (named or unnamed) then return { 'SAME' } end
if is_blocked(blocks, actor) then return { 'BLOCKED' } end
if not kind and #kinds >= max_kinds then return { 'MANY' } end

local was = mine
kind = kind or { emoji = emoji, count = 0, users = '' }
kinds[place] = kind
kind.count = kind.count + (on and 1 or -1)
if not on and named then
  kind.users = without_word(kind.users, me, ',')
elseif not on then
  mine = without_word(mine, emoji, ' ')
elseif count_named(kind) < NAMED then
  kind.users = with_word(kind.users, me, ',')
else
  mine = with_word(mine, emoji, ' ')
end
if kind.count == 0 then table.remove(kinds, place) end

local rev = text(math.max(clock + 1, now))
local message = record_with(json, kinds, rev)
becomes_dirty(dirty, due, chat_id, flush_after)
redis.call('ZADD', dirty, rev, 'message:' .. id, rev, 'chat')
local mark = mine ~= was and id .. ' ' .. rev .. ' ' .. actor .. ' ' .. mine
if mark then
  redis.call('HSET', chat, 'clock', rev, 'told', rev, 'rev', rev, 'reacting', mark)
else
  redis.call('HSET', chat, 'clock', rev, 'told', rev, 'rev', rev)
end
if others then
  forget_others(chat, id)
  write_others(chat, id, others)
end
if listed then
  redis.call('LSET', messages, at, message)
else
  redis.call('HSET', changed, id, message)
end
if mark then complete(keys, { reacting = mark }) end
stays_warm(token, ttl)
local answered, is_elsewhere = answered_by({ message }, messages, changed)
local done = { 'OK', message, told, roster, answered }
return is_elsewhere and then_sql(done, commits) or done
