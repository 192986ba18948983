-- Ends memberships that SQL has and the chat has not: SQL was restored from a backup of before they
-- ended, and who has left a chat has left Redis, too.
-- returns the number of those that ended
local clock = redis.call('HGET', chat, 'clock')
if not clock then return 0 end
local tick = text(math.max(tonumber(clock) + 1, micros()))
local marks, change = { tick, 'chat' }, {}
for user, record in each(present, 2) do
  local member = redis.call('HEXISTS', members, user) == 0 and member_of(record)
  if member then
    member.left, member.mentions, member.rev = tick, '', tick
    change[#change + 1] = user
    change[#change + 1] = record_of(member)
    for _, entry in ipairs({ 'member:' .. user, 'list:' .. user }) do
      marks[#marks + 1] = tick
      marks[#marks + 1] = entry
    end
  end
end
if #change == 0 then return 0 end
demand_marks(chat, members, redis.call('HGET', chat, 'marked'))
redis.call('ZADD', due, 'LT', text(millis()), chat_id)
redis.call('ZADD', dirty, 'GT', unpack(marks))
redis.call('HSET', chat, 'clock', tick, 'rev', tick)
redis.call('HSET', members, unpack(change))
return #change / 2
