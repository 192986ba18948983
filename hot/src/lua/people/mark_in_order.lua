-- Marks a chat in the order of a member, since it is about to change. Who does not have the chat in
-- the list, or is not resident, is marked by what puts it there.
-- returns 1 when the member has the chat
if redis.call('HEXISTS', chats, chat_id) == 0 then return 0 end
redis.call('ZADD', order, 'GT', mark_since(tonumber(since)), chat_id)
return 1
