-- Puts a chat into a user's list, or marks it as left: the later of two changes wins.
-- returns {'OK'} | {'COLD'}: the user is not resident; a hydration under way may have read SQL too
-- early, and is ended
-- Who hydrates the user from now on must find the membership in SQL.
raise_mark(commits, 'settled:' .. writer, saved)
if redis.call('EXISTS', user) == 0 then
  redis.call('DEL', hydrating)
  return { 'COLD' }
end
local known = redis.call('HGET', chats, chat_id)
if not known or tonumber(string.match(known, '^(%d+)')) < tonumber(rev) then
  -- The order first: a chat of the list that it lacks would never be asked.
  put_in_order(order, { chat_id, rev .. ' ' .. left })
  redis.call('HSET', chats, chat_id, rev .. ' ' .. left)
end
return { 'OK' }
