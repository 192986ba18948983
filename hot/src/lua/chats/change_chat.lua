-- Changes a group's name, description or picture; a new name with the system message about it.
-- returns {'OK', clock, told, roster} | {'SAME'} | {'STALE'}: they are not as the caller read
-- them | {'ROLE'} | {'DIRECT'} | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock, seq, texts, _, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local member = redis.call('HGET', members, actor)
if not is_in(member) then return { 'FORBIDDEN' } end
local kind, old_name, old_description, old_avatar =
  unpack(redis.call('HMGET', chat, 'kind', 'name', 'description', 'avatar'))
if kind ~= 'group' then return { 'DIRECT' } end
if role_of(member) == 'member' then return { 'ROLE' } end
if old_name == name and old_description == description and old_avatar == avatar then
  return { 'SAME' }
end
if old_name ~= seen_name or old_description ~= seen_description or old_avatar ~= seen_avatar then
  return { 'STALE' }
end

-- A call of ours that was stopped between the message and the name is taken up there.
local message = redis.call('LINDEX', messages, -1)
local resumes = tail ~= '' and message and string.sub(message, -#tail) == tail
local tick = math.max(clock + 1, now)
local rev = text(tick)
becomes_dirty(dirty, due, chat_id, flush_after)
redis.call('ZADD', dirty, rev, 'chat')
if tail ~= '' and not resumes then
  message = '{"id":' .. rev .. ',"seq":' .. text(seq + 1) .. ',"rev":' .. rev
    .. ',"created_at":"' .. rfc3339(tick) .. '",' .. tail
  redis.call('ZADD', dirty, rev, 'message:' .. rev)
  redis.call('RPUSH', messages, message)
  follow(keys, message, texts)
end
redis.call('HSET', chat, 'clock', rev, 'told', rev, 'rev', rev, 'name', name, 'description',
  description, 'avatar', avatar)
stays_warm(token, ttl)
return { 'OK', rev, told, roster }
