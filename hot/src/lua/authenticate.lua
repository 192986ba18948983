-- Whose session is this, and was it opened with the password that holds now? One round trip for every request.
-- KEYS session
-- ARGV prefix of the user's key, in the same slot
-- returns {} when there is none | {user, device, created, seen, password_rev, the user's password_rev or '' when they are not resident}
return session_of(KEYS[1], ARGV[1])
