-- Writes who reacted to a message beyond those whom its record names, before the chat is loaded and
-- if the nonce still holds.
-- returns {'OK'} | {'RESIDENT'} | {'FENCED'}: the nonce is another's by now
if redis.call('EXISTS', chat) == 1 then return { 'RESIDENT' } end
if redis.call('GET', hydrating) ~= nonce then return { 'FENCED' } end
local all = {}
for user, emojis in each(others, 2) do
  all[#all + 1] = user
  all[#all + 1] = emojis
end
write_others(chat, id, all)
return { 'OK' }
