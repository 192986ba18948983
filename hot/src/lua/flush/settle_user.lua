-- Marks what was committed of a user as clean; a clean user may leave who has no session, has not
-- used any for long, or has not used the newest since it was opened. `logs_out`: all sessions end.
-- returns {'FORGOT'}: as `settle_chat` says | {'GONE'} | {'DIRTY'} | {'WARM'} | {'PARKED'} |
-- {'IDLE'}: may leave, without a session | {'AWAY'}: may leave, with one | {'EVICTED'}
if has_forgotten(commits, writer, commit) then return { 'FORGOT' } end
if redis.call('EXISTS', user) == 0 then
  redis.call('ZREM', due, user_id)
  return { 'GONE' }
end
local now = millis()
raise_mark(commits, 'settled:' .. writer, saved)
if logs_out then
  for _, hash in ipairs(redis.call('ZRANGE', sessions, 0, -1)) do
    redis.call('DEL', session_prefix .. hash)
  end
  redis.call('DEL', sessions)
  redis.call('SPUBLISH', ended_channel, user_id)
end
-- Claims are only ever added at the end: those that this commit carried are a prefix, and are
-- released by now.
local claims = redis.call('HGET', user, 'claims') or ''
if saved_claims ~= '' and string.sub(claims, 1, #saved_claims) == saved_claims then
  redis.call('HSET', user, 'claims', string.sub(claims, #saved_claims + 1))
end
for entry, rev in each(committed, 2) do
  if redis.call('ZSCORE', dirty, entry) == rev then
    local about = string.match(entry, '^mine:(.*)$')
    -- A row without a value need not stay, once SQL knows.
    if about and redis.call('HGET', private_rows, about) == rev .. ' ' then
      redis.call('HDEL', private_rows, about)
    end
    redis.call('ZREM', dirty, entry)
  end
  local score = redis.call('ZSCORE', parked, entry)
  if score and tonumber(score) <= tonumber(rev) then
    redis.call('ZREM', parked, entry)
    score = nil
  end
  -- A row that still is parked stays a dead letter.
  if not score then redis.call('HDEL', dead, user_id .. '/' .. entry) end
end
if redis.call('ZCARD', dirty) > 0 then
  redis.call('ZADD', due, text(now + soon), user_id)
  return { 'DIRTY' }
end
redis.call('ZREMRANGEBYSCORE', sessions, '-inf', text(now))
local last = redis.call('ZRANGE', sessions, -1, -1, 'WITHSCORES')
local ends = tonumber(last[2] or 0)
-- A session ends a whole life after its last use.
local used = ends - session_ttl
local leaves = math.min(ends, used + idle)
if last[1] then
  local opened, seen = unpack(redis.call('HMGET', session_prefix .. last[1], 'created', 'seen'))
  -- Who only logs in, or registers without end, is not at work yet.
  if opened and opened == seen then leaves = math.min(leaves, used + noted) end
end
if leaves > now then
  redis.call('ZADD', due, text(leaves), user_id)
  return { 'WARM' }
end
if redis.call('ZCARD', parked) > 0 then
  redis.call('ZADD', due, text(now + idle), user_id)
  return { 'PARKED' }
end
if not evict then return { last[2] and 'AWAY' or 'IDLE' } end
-- The list of sessions stays for as long as the last of them.
if last[2] then redis.call('PEXPIREAT', sessions, last[2]) end
redis.call('DEL', user, chats, dirty, hydrating, parked, private_rows, order, pinned)
redis.call('ZREM', due, user_id)
return { 'EVICTED' }
