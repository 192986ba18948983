-- Pins a message of a chat, with the system message about it, or takes its pin away.
-- returns {'OK', clock, told, roster} | {'SAME'}: it is pinned already, or is not | {'SAVED',
-- dropped}: only SQL has the message, or nobody | {'DELETED'} | {'SYSTEM'}: it is no text |
-- {'MANY'}: there are as many pins as there may be | {'ROLE'} | {'COLD'} | {'SKEW'} |
-- {'FORBIDDEN'} | {'BLOCKED'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock, seq, texts, blocks, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local member = redis.call('HGET', members, actor)
if not is_in(member) then return { 'FORBIDDEN' } end
local kind, pins, dropped = unpack(redis.call('HMGET', chat, 'kind', 'pins', 'dropped'))
pins = pins or ''
if kind == 'group' and role_of(member) == 'member' then return { 'ROLE' } end
if on == is_pinned(pins, id) then return { 'SAME' } end
if on then
  if is_blocked(blocks, actor) then return { 'BLOCKED' } end
  -- What SQL had is as it was only if nothing has left Redis since: a deletion that was saved
  -- meanwhile has left.
  local held = find_message(messages, tonumber(id)) or redis.call('HGET', changed, id)
  if not held and seen ~= dropped then return then_sql({ 'SAVED', dropped }, commits) end
  if held and string.find(held, '"deleted":true', 1, true) then return { 'DELETED' } end
  if held and not is_text(held) then return { 'SYSTEM' } end
  if select(2, string.gsub(pins, '%d+', '')) >= max_pins then return { 'MANY' } end
end

-- A call of ours that was stopped between the message and the pin is taken up there.
local message = redis.call('LINDEX', messages, -1)
local resumes = on and message and string.sub(message, -#tail) == tail
local rev = text(math.max(clock + 1, now))
local left = without_pin(pins, id)
if on then pins = left == '' and id or id .. ',' .. left else pins = left end
becomes_dirty(dirty, due, chat_id, flush_after)
redis.call('ZADD', dirty, rev, 'chat')
if on and not resumes then
  message = '{"id":' .. rev .. ',"seq":' .. text(seq + 1) .. ',"rev":' .. rev
    .. ',"created_at":"' .. rfc3339(tonumber(rev)) .. '",' .. tail
  redis.call('ZADD', dirty, rev, 'message:' .. rev)
  redis.call('RPUSH', messages, message)
  follow(keys, message, texts)
end
redis.call('HSET', chat, 'clock', rev, 'told', rev, 'rev', rev, 'pins', pins)
stays_warm(token, ttl)
return { 'OK', rev, told, roster }
