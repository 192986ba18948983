-- A user's row, if SQL does not have it. It renews the lease, as `snapshot_chat` does.
-- KEYS user dirty due
-- ARGV user_id age_us lease_ms
-- returns {'GONE'} | {'OK'}: nothing to write | {'OK', rev, {username email display_name bio password password_rev created}, claims}
local row = redis.call('HMGET', KEYS[1], 'username', 'email', 'display_name', 'bio', 'password', 'password_rev', 'created', 'claims')
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[3], ARGV[1])
  return { 'GONE' }
end
local now = micros()
redis.call('ZADD', KEYS[3], text(math.floor(now / 1000) + tonumber(ARGV[3])), ARGV[1])
local rev = redis.call('ZSCORE', KEYS[2], 'user')
local age = tonumber(ARGV[2])
if not rev or (age > 0 and tonumber(rev) > now - age) then return { 'OK' } end
local claims = table.remove(row) or ''
return { 'OK', rev, row, claims }
