-- Opens a session. A user has a number of them at the most: beyond it those end that were used
-- longest ago. A fixed one ends after its time however it is used. One with the token of a provider
-- (`issued` tells when that was) is opened only if no other token has ended since `ended_seen` was
-- read: this one may be it.
-- returns {'OK', tick, expires_ms, hash of a session that ended, ...} | {'STALE'}: the password was
-- changed meanwhile, or a token has ended | {'COLD'}
local current = redis.call('HGET', user, 'password_rev')
if not current then return { 'COLD' } end
if current ~= password_rev then return { 'STALE' } end
if issued ~= '0' then
  local row = redis.call('HGET', private_rows, ended_row) or ''
  if redis.sha1hex(string.match(row, '^%d+ (.*)$') or '') ~= ended_seen then return { 'STALE' } end
end
local now = micros()
local expires = math.floor(now / 1000) + ttl
-- Repeated, the call has its own session there already, and ends no other for it.
local others = redis.call('ZCARD', sessions) - (redis.call('ZSCORE', sessions, hash) and 1 or 0)
local ended = {}
if others >= max_sessions then
  -- They are ordered by their end, which each use moves. An older release had no bound.
  local some = math.min(others - max_sessions + 1, 500)
  ended = redis.call('ZRANGE', sessions, 0, some - 1)
  for _, oldest in ipairs(ended) do
    redis.call('DEL', session_prefix .. oldest)
    redis.call('SPUBLISH', ended_channel, oldest)
  end
  redis.call('ZREM', sessions, unpack(ended))
end
redis.call('ZADD', sessions, text(expires), hash)
redis.call('PEXPIREAT', sessions, text(expires), 'GT')
redis.call('HSET', session, 'user', user_id, 'device', device, 'created', text(now), 'seen',
  text(now), 'password_rev', password_rev)
if is_fixed then redis.call('HSET', session, 'ends', text(expires * 1000)) end
if issued ~= '0' then redis.call('HSET', session, 'issued', issued) end
redis.call('PEXPIREAT', session, text(expires))
return { 'OK', text(now), text(expires), unpack(ended) }
