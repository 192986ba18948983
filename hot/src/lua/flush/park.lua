-- Counts that SQL refused a row, and after `max_tries` parks it: it stays in Redis, but holds up
-- nothing else.
-- returns how many times it was refused; with `max_tries` or more it is parked
local field = id .. '/' .. entry
local tries = tonumber(string.match(redis.call('HGET', dead, field) or '', '^(%d+)') or 0) + 1
redis.call('HSET', dead, field, text(tries) .. ' ' .. rev .. ' ' .. message)
if tries >= max_tries and redis.call('ZSCORE', dirty, entry) == rev then
  redis.call('ZADD', parked, rev, entry)
  redis.call('ZREM', dirty, entry)
end
return tries
