-- Reads the invitations to a group, for its owner and admins.
-- returns {'OK', invitations} | {'ROLE'} | {'DIRECT'} | {'COLD'} | {'FORBIDDEN'}
local kind, list = unpack(redis.call('HMGET', chat, 'kind', 'invites'))
if not kind then return { 'COLD' } end
local member = redis.call('HGET', members, reader)
if not is_in(member) then return { 'FORBIDDEN' } end
if kind ~= 'group' then return { 'DIRECT' } end
if role_of(member) == 'member' then return { 'ROLE' } end
local kept = {}
for _, one in ipairs(invites_of(list)) do
  if not has_ended(one) then kept[#kept + 1] = one end
end
return { 'OK', text_of_invites(kept) }
