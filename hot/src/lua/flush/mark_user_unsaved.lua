-- Marks the rows of a user as unsaved, since SQL may no longer have them: the user's own and the
-- private ones.
-- returns 1
local rev = redis.call('HGET', user, 'rev')
local rows = redis.call('HGETALL', private_rows)
local marks = rev and { rev, 'user' } or {}
for i = 1, #rows, 2 do
  marks[#marks + 1] = string.match(rows[i + 1], '^(%d+) ')
  marks[#marks + 1] = 'mine:' .. rows[i]
end
if #marks == 0 then return 1 end
redis.call('ZADD', due, 'LT', text(millis()), user_id)
for start = 1, #marks, 1000 do
  redis.call('ZADD', dirty, 'GT', unpack(marks, start, math.min(start + 999, #marks)))
end
return 1
