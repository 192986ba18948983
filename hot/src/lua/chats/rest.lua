-- Reads the ticks of a chat's row, as `row_ticks` does, and puts a chat at rest that has not
-- changed for a while: before it changes again, its members are marked anew. Only where the
-- members' orders are in this Redis: another, or one that went back, would not know of it.
-- returns {clock, last, 1 or 0}; nil when the chat is not resident
local clock, last, marked = unpack(redis.call('HMGET', chat, 'clock', 'last', 'marked'))
if marked and tonumber(clock) + QUIET < micros() then
  redis.call('HDEL', chat, 'marked')
  marked = nil
end
return clock and { clock, last, is_at_rest(marked) and 1 or 0 }
