-- Marks rows of a chat as unsaved, since SQL may no longer have them: the messages of the list from
-- index `from` on, `most` of them; with the first of them, the chat, its members and the older
-- messages that were changed.
-- returns the index to go on from, or -1 when all rows are marked
local chat_rev = redis.call('HGET', chat, 'rev')
if not chat_rev then return -1 end
local marks = {}
local function mark(rev, entry)
  marks[#marks + 1] = rev
  marks[#marks + 1] = entry
end
local function mark_message(message)
  mark(text(rev_of(message)), 'message:' .. text(id_of(message)))
end
if from == 0 then
  mark(chat_rev, 'chat')
  local records = redis.call('HGETALL', members)
  for i = 1, #records, 2 do mark(text(rev_of(records[i + 1])), 'member:' .. records[i]) end
  for _, message in ipairs(redis.call('HVALS', changed)) do mark_message(message) end
end
local items = redis.call('LRANGE', messages, from, from + most - 1)
for _, message in ipairs(items) do mark_message(message) end
redis.call('ZADD', due, 'LT', text(millis()), chat_id)
-- A mark that is there with a later rev stays: it was written before its row.
for start = 1, #marks, 1000 do
  redis.call('ZADD', dirty, 'GT', unpack(marks, start, math.min(start + 999, #marks)))
end
return #items == most and from + most or -1
