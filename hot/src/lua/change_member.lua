-- Somebody is added to a group, is removed from it, leaves it, or gets another role; with the system message that tells of it.
-- KEYS chat token messages members dirty due changed
-- ARGV now_us chat_id actor user 'add'|'remove'|role tail max_members ttl_ms flush_after_ms
-- returns {'OK', member, told, roster} | {'IN', member}: nothing to change | {'ABSENT'}: nobody to remove | {'FULL'} | {'ROLE'}: the actor may not
--       | {'OWNER'}: others would be left without one | {'DIRECT'}: a direct chat's two people are for ever | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = { chat = KEYS[1], messages = KEYS[3], members = KEYS[4], changed = KEYS[7] }
local actor, user, verb, tail = ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local clock, seq, texts, _, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
local actors = redis.call('HGET', KEYS[4], actor)
if not is_in(actors) then return { 'FORBIDDEN' } end
if redis.call('HGET', KEYS[1], 'kind') ~= 'group' then return { 'DIRECT' } end

local member, size = redis.call('HGET', KEYS[4], user), 0
for _, other in ipairs(redis.call('HVALS', KEYS[4])) do
  if is_in(other) then size = size + 1 end
end
if verb == 'add' then
  if is_in(member) then return { 'IN', member } end
  if role_of(actors) == 'member' then return { 'ROLE' } end
  if size >= tonumber(ARGV[7]) then return { 'FULL' } end
elseif verb == 'remove' then
  if actor ~= user and role_of(actors) == 'member' then return { 'ROLE' } end
  if not is_in(member) then return { 'ABSENT' } end
  if actor ~= user and role_of(member) == 'owner' then return { 'ROLE' } end
  if role_of(member) == 'owner' and size > 1 then return { 'OWNER' } end
else
  if is_in(member) and role_of(member) == verb then return { 'IN', member } end
  if role_of(actors) ~= 'owner' or actor == user then return { 'ROLE' } end
  if not is_in(member) then return { 'ABSENT' } end
end

-- A call of ours that was stopped between the message and its twin, the member's row, is taken up there.
local message = redis.call('LINDEX', KEYS[3], -1)
local resumes = message and string.sub(message, -#tail) == tail and (not member or rev_of(member) < id_of(message))
local tick = resumes and id_of(message) or math.max(clock + 1, now)
local rev = text(tick)
becomes_dirty(KEYS[5], KEYS[6], ARGV[2], tonumber(ARGV[9]))
-- Who comes or goes has it in their list; who hands a group over is an admin of it from then on.
local third = verb == 'owner' and 'member:' .. actor or 'list:' .. user
redis.call('ZADD', KEYS[5], rev, 'message:' .. rev, rev, 'member:' .. user, rev, third, rev, 'chat')
if not resumes then
  message = '{"id":' .. rev .. ',"seq":' .. text(seq + 1) .. ',"rev":' .. rev .. ',"created_at":"' .. rfc3339(tick) .. '",' .. tail
  redis.call('RPUSH', KEYS[3], message)
end
-- The twin takes the message's tick: they are rows of different kinds.
local function written(record, change)
  local changed = member_of(record)
  for field, value in pairs(change) do changed[field] = value end
  changed.rev = rev
  return record_of(changed)
end
if verb == 'add' then
  member = record_of({ role = 'member', joined = rev, left = '0', read = rev, counted = text(texts), delivered = rev, mentions = '', rev = rev })
else
  member = written(member, verb == 'remove' and { left = rev, mentions = '' } or { role = verb })
end
-- First, and new each time: nobody goes on telling those who were in before.
roster = text(now)
redis.call('HSET', KEYS[1], 'roster', roster)
if verb == 'owner' then
  redis.call('HSET', KEYS[4], user, member, actor, written(actors, { role = 'admin' }))
else
  redis.call('HSET', KEYS[4], user, member)
end
if not resumes then follow(keys, message, texts) end
stays_warm(KEYS[2], tonumber(ARGV[8]))
return { 'OK', member, told, roster }
