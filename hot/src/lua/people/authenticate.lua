-- Reads a session, with the rev of its user's password as it is now: the session must have been
-- opened with that. One round trip for every request.
-- returns {} when there is none | {user, device, created, seen, password_rev, its last tick ('' if
-- it lives as long as it is used), when its provider's token was issued ('' if it has none), the
-- user's password_rev or '' when they are not resident}
return session_of(session, user_prefix)
