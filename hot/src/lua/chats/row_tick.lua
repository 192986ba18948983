-- Reads a tick of a chat's row.
-- returns it; nil when the chat is not resident
return redis.call('HGET', chat, field)
