-- Makes an invitation to a group, in the place of those that have ended, or revokes one.
-- returns {'OK', invitation} | {'SAME'}: there is no such invitation to revoke | {'MANY'}: there
-- are as many as there may be | {'ROLE'} | {'DIRECT'} | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock = mend(keys)
if not clock then return { 'COLD' } end
local member = redis.call('HGET', members, actor)
if not is_in(member) then return { 'FORBIDDEN' } end
local kind, list = unpack(redis.call('HMGET', chat, 'kind', 'invites'))
if kind ~= 'group' then return { 'DIRECT' } end
if role_of(member) == 'member' then return { 'ROLE' } end

local kept, revoked = {}, nil
for _, one in ipairs(invites_of(list)) do
  -- A call of ours whose answer was lost made it.
  if token_hash ~= '' and one.hash == token_hash then
    return { 'OK', text_of_invites({ one }) }
  end
  if one.id == id then
    revoked = one
  elseif not has_ended(one) then
    kept[#kept + 1] = one
  end
end
local rev = text(math.max(clock + 1, now))
local changed_one = revoked
if token_hash ~= '' then
  if #kept >= max_invites then return { 'MANY' } end
  changed_one = {
    id = rev, hash = token_hash, creator = actor, ends = ends, most = text(max_uses), uses = '0',
    last = '',
  }
  kept[#kept + 1] = changed_one
end
if not changed_one then return { 'SAME' } end
becomes_dirty(dirty, due, chat_id, flush_after)
redis.call('ZADD', dirty, rev, 'chat')
redis.call('HSET', chat, 'clock', rev, 'rev', rev, 'invites', text_of_invites(kept))
stays_warm(token, ttl)
return { 'OK', text_of_invites({ changed_one }) }
