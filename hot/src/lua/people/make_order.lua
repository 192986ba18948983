-- Makes the order of a user's chats of the list, each marked, and the set of those that are pinned:
-- some at a time. Whatever puts a chat into the list meanwhile puts it into the order, too.
-- returns {'OK', the place to go on from ('': it is made)} | {'COLD'}
if redis.call('EXISTS', user) == 0 then return { 'COLD' } end
local history = this_history()
local what, cursor, by = string.match(place, '^(%a+) (%d+) ?(%w*)$')
if by ~= history then what, cursor = 'chats', '0' end
local step
if what == 'chats' then
  step = redis.call('HSCAN', chats, cursor, 'COUNT', most)
  put_in_order(order, step[2])
  what = step[1] == '0' and 'rows' or 'chats'
else
  step = redis.call('HSCAN', private_rows, cursor, 'MATCH', 'chat:*', 'COUNT', most)
  note_pins(pinned, step[2])
  if step[1] == '0' then
    note_order(user)
    return { 'OK', '' }
  end
end
return { 'OK', what .. ' ' .. step[1] .. ' ' .. history }
