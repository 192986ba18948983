-- A row that SQL refuses: counted, and after `max` tries put aside, still in Redis, so that it holds up nothing else.
-- KEYS dirty parked dead
-- ARGV id entry rev max error
-- returns how many times it was refused; `max` or more: it is parked
local field = ARGV[1] .. '/' .. ARGV[2]
local tries = tonumber(string.match(redis.call('HGET', KEYS[3], field) or '', '^(%d+)') or 0) + 1
redis.call('HSET', KEYS[3], field, text(tries) .. ' ' .. ARGV[3] .. ' ' .. ARGV[5])
if tries >= tonumber(ARGV[4]) and redis.call('ZSCORE', KEYS[1], ARGV[2]) == ARGV[3] then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
  redis.call('ZREM', KEYS[1], ARGV[2])
end
return tries
