-- A group's name, description or picture; a new name with the system message that tells of it.
-- KEYS chat token messages members dirty due changed
-- ARGV now_us chat_id actor old_name name old_description description old_avatar avatar tail ttl_ms flush_after_ms   (tail: '' when the name stays)
-- returns {'OK', clock, told, roster} | {'SAME'} | {'STALE'}: they are not as the caller knew it | {'ROLE'} | {'DIRECT'} | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = { chat = KEYS[1], messages = KEYS[3], members = KEYS[4], changed = KEYS[7] }
local name, description, avatar, tail = ARGV[5], ARGV[7], ARGV[9], ARGV[10]
local clock, seq, texts, _, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
local member = redis.call('HGET', KEYS[4], ARGV[3])
if not is_in(member) then return { 'FORBIDDEN' } end
local kind, old_name, old_description, old_avatar = unpack(redis.call('HMGET', KEYS[1], 'kind', 'name', 'description', 'avatar'))
if kind ~= 'group' then return { 'DIRECT' } end
if role_of(member) == 'member' then return { 'ROLE' } end
if old_name == name and old_description == description and old_avatar == avatar then return { 'SAME' } end
if old_name ~= ARGV[4] or old_description ~= ARGV[6] or old_avatar ~= ARGV[8] then return { 'STALE' } end

-- A call of ours that was stopped between the message and the name is taken up there.
local message = redis.call('LINDEX', KEYS[3], -1)
local resumes = tail ~= '' and message and string.sub(message, -#tail) == tail
local tick = math.max(clock + 1, now)
local rev = text(tick)
becomes_dirty(KEYS[5], KEYS[6], ARGV[2], tonumber(ARGV[12]))
redis.call('ZADD', KEYS[5], rev, 'chat')
if tail ~= '' and not resumes then
  message = '{"id":' .. rev .. ',"seq":' .. text(seq + 1) .. ',"rev":' .. rev .. ',"created_at":"' .. rfc3339(tick) .. '",' .. tail
  redis.call('ZADD', KEYS[5], rev, 'message:' .. rev)
  redis.call('RPUSH', KEYS[3], message)
  follow(keys, message, texts)
end
redis.call('HSET', KEYS[1], 'clock', rev, 'told', rev, 'rev', rev, 'name', name, 'description', description, 'avatar', avatar)
stays_warm(KEYS[2], tonumber(ARGV[11]))
return { 'OK', rev, told, roster }
