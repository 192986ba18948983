-- Reads a session, with the rev of its user's password as it is now; `prefix` is that of the user's
-- key, in the same slot.
-- returns {} when there is none | {user, device, created, seen, password_rev, its last tick ('' if
-- it lives as long as it is used), when its provider's token was issued ('' if it has none), the
-- user's password_rev or '' when they are not resident}
local function session_of(key, prefix)
  local session = redis.call('HMGET', key, 'user', 'device', 'created', 'seen', 'password_rev',
    'ends', 'issued')
  if not session[1] then return {} end
  session[6], session[7] = session[6] or '', session[7] or ''
  session[8] = redis.call('HGET', prefix .. session[1], 'password_rev') or ''
  return session
end
