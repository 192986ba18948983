-- Adds a user to a group, removes a member, lets a member leave, or changes a member's role; or
-- lets a user join by an invitation, of which it counts the use; with the system message about it.
-- returns {'OK', member, told, roster} | {'IN', member}: nothing to change | {'ABSENT'}: no such
-- member to remove | {'FULL'} | {'ROLE'}: the actor may not | {'OWNER'}: the others would be left
-- without an owner | {'DIRECT'}: the two of a direct chat stay for ever | {'ENDED'}: there is no
-- such invitation, or it holds no more | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock, seq, texts, _, told, roster = mend(keys)
if not clock then return { 'COLD' } end
local actors = redis.call('HGET', members, actor)
if not is_in(actors) and action ~= 'join' then return { 'FORBIDDEN' } end
if redis.call('HGET', chat, 'kind') ~= 'group' then return { 'DIRECT' } end

local member, size = redis.call('HGET', members, user), 0
for _, other in ipairs(redis.call('HVALS', members)) do
  if is_in(other) then size = size + 1 end
end
-- A call of ours that was stopped between the message and the member's row is taken up there: the
-- message stays, and the rows take a later tick, since others may have changed them meanwhile.
local message = redis.call('LINDEX', messages, -1)
local resumes = message and string.sub(message, -#tail) == tail
local invites, invite
if action == 'join' then
  if is_in(member) then return { 'IN', member } end
  invites = invites_of(redis.call('HGET', chat, 'invites'))
  invite = invite_of(invites, members, token_hash)
  -- One that was stopped has counted its use perhaps.
  local is_counted = invite and resumes and invite.last == user
  if not invite or (is_used_up(invite) and not is_counted) then return { 'ENDED' } end
  if size >= max_members then return { 'FULL' } end
  if not is_counted then invite.uses = text(tonumber(invite.uses) + 1) end
  invite.last = user
elseif action == 'add' then
  if is_in(member) then return { 'IN', member } end
  if role_of(actors) == 'member' then return { 'ROLE' } end
  if size >= max_members then return { 'FULL' } end
elseif action == 'remove' then
  if actor ~= user and role_of(actors) == 'member' then return { 'ROLE' } end
  if not is_in(member) then return { 'ABSENT' } end
  if actor ~= user and role_of(member) == 'owner' then return { 'ROLE' } end
  if role_of(member) == 'owner' and size > 1 then return { 'OWNER' } end
else
  if is_in(member) and role_of(member) == action then return { 'IN', member } end
  if role_of(actors) ~= 'owner' or actor == user then return { 'ROLE' } end
  if not is_in(member) then return { 'ABSENT' } end
end

local tick = math.max(clock + 1, now)
local rev = text(tick)
local since = resumes and text(id_of(message)) or rev
becomes_dirty(dirty, due, chat_id, flush_after)
-- A member who comes or goes has it in the own list; an owner who hands a group over is an admin of
-- it from then on.
local third = action == 'owner' and 'member:' .. actor or 'list:' .. user
redis.call('ZADD', dirty, since, 'message:' .. since, rev, 'member:' .. user, rev, third, rev,
  'chat')
if not resumes then
  message = '{"id":' .. rev .. ',"seq":' .. text(seq + 1) .. ',"rev":' .. rev
    .. ',"created_at":"' .. rfc3339(tick) .. '",' .. tail
  redis.call('RPUSH', messages, message)
end
local function written(record, change)
  local new = member_of(record)
  discount(keys.pending, new)
  for field, value in pairs(change) do new[field] = value end
  new.rev = rev
  return record_of(new)
end
if action == 'add' or action == 'join' then
  member = record_of({
    role = 'member', joined = since, left = '0', read = since, counted = text(texts),
    delivered = since, mentions = '', rev = rev,
  })
else
  local change = action == 'remove' and { left = since, mentions = '' } or { role = action }
  member = written(member, change)
end
-- The roster comes first, and is new each time: no notifier goes on with the members before.
roster = text(now)
redis.call('HSET', chat, 'roster', roster, 'clock', rev, 'told', rev, 'rev', rev)
if invite then redis.call('HSET', chat, 'invites', text_of_invites(invites)) end
if action == 'owner' then
  redis.call('HSET', members, user, member, actor, written(actors, { role = 'admin' }))
else
  redis.call('HSET', members, user, member)
end
if not resumes then follow(keys, message, texts) end
stays_warm(token, ttl)
return { 'OK', member, told, roster }
