-- A user's rows that SQL does not have: theirs, and those that are theirs alone. It renews the lease, as `snapshot_chat` does.
-- KEYS user dirty due mine
-- ARGV user_id rows newest lease_ms   (newest: later rows are left for later)
-- returns {'GONE'} | {'OK', rev of the user's row or '' when SQL has it, {username email display_name bio avatar password password_rev created erased}, claims,
--       {entry, rev, 'rev value' or ''} ...}
local row = redis.call('HMGET', KEYS[1], 'username', 'email', 'display_name', 'bio', 'avatar', 'password', 'password_rev', 'created', 'erased', 'claims')
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[3], ARGV[1])
  return { 'GONE' }
end
redis.call('ZADD', KEYS[3], text(math.floor(micros() / 1000) + tonumber(ARGV[4])), ARGV[1])
local claims = table.remove(row) or ''
local entries = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local found = { 'OK', '', row, claims }
for i = 1, #entries, 2 do
  local entry, rev = entries[i], entries[i + 1]
  if entry == 'user' then
    found[2] = rev
  else
    found[#found + 1] = { entry, rev, redis.call('HGET', KEYS[4], string.sub(entry, #'mine:' + 1)) or '' }
  end
end
return found
