-- Notes that all members of a chat were marked in their orders, with this tick or a later one:
-- from now on the chat may change. Not if others are members by now, and not so late that a mark
-- could have been taken away meanwhile.
-- returns 1 when it is noted
if redis.call('HGET', chat, 'roster') ~= roster or tonumber(since) + 30000000 < micros() then
  return 0
end
redis.call('HSET', chat, 'marked', since)
return 1
