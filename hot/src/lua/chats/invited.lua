-- Reads what of a group is shown to whoever has the token of an invitation that holds.
-- returns {'OK', creator, name, description, avatar, number of members, is the reader one} |
-- {'ENDED'}: there is no such invitation, or it holds no more, and the reader is no member |
-- {'COLD'}
local name, description, avatar, list =
  unpack(redis.call('HMGET', chat, 'name', 'description', 'avatar', 'invites'))
if not name then return { 'COLD' } end
local invite = invite_of(invites_of(list), members, token_hash)
local is_member = is_in(redis.call('HGET', members, reader))
-- Who was counted last may be about to try again, after a call that was stopped.
local holds = invite and (not is_used_up(invite) or invite.last == reader)
if not is_member and not holds then return { 'ENDED' } end
local size = 0
for _, other in ipairs(redis.call('HVALS', members)) do
  if is_in(other) then size = size + 1 end
end
local creator = invite and invite.creator or reader
return { 'OK', creator, name, description, avatar, text(size), is_member and '1' or '0' }
