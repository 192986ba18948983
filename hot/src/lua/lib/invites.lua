-- The invitations to a group, as its row has them: with spaces between two, the oldest first; of
-- each id, hash, creator, end, most uses (0: any number), uses, and the last user, with colons.
local INVITE = '^(%d+):(%x+):([^:]+):(%d+):(%d+):(%d+):(%S*)$'

local function invites_of(list)
  local all = {}
  for one in string.gmatch(list or '', '%S+') do
    local invite = {}
    invite.id, invite.hash, invite.creator, invite.ends, invite.most, invite.uses, invite.last =
      string.match(one, INVITE)
    all[#all + 1] = invite
  end
  return all
end

local function text_of_invites(invites)
  local all = {}
  for at, one in ipairs(invites) do
    all[at] = table.concat(
      { one.id, one.hash, one.creator, one.ends, one.most, one.uses, one.last }, ':')
  end
  return table.concat(all, ' ')
end

local function has_ended(invite)
  return invite.ends ~= '0' and tonumber(invite.ends) <= micros()
end

-- Returns the invitation of this hash, if it has not ended and its creator still manages the group.
local function invite_of(invites, members, token_hash)
  for _, one in ipairs(invites) do
    if one.hash == token_hash and not has_ended(one) then
      local creator = redis.call('HGET', members, one.creator)
      if is_in(creator) and role_of(creator) ~= 'member' then return one end
    end
  end
end

local function is_used_up(invite)
  return invite.most ~= '0' and tonumber(invite.uses) >= tonumber(invite.most)
end
