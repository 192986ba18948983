-- Whose session is this, and was it opened with the password that holds now? One round trip for every request.
-- KEYS session
-- ARGV prefix of the user's key, in the same slot
-- returns {} when there is none | {user, device, created, seen, password_rev, the user's password_rev or '' when they are not resident}
local session = redis.call('HMGET', KEYS[1], 'user', 'device', 'created', 'seen', 'password_rev')
if not session[1] then return {} end
session[6] = redis.call('HGET', ARGV[1] .. session[1], 'password_rev') or ''
return session
