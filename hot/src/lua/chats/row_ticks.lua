-- Reads the ticks of a chat's row by which it has its place in lists, and whether the chat changes
-- no more before its members are marked anew.
-- returns {clock, last, 1 or 0}; nil when the chat is not resident
local clock, last, marked = unpack(redis.call('HMGET', chat, 'clock', 'last', 'marked'))
return clock and { clock, last, is_at_rest(marked) and 1 or 0 }
