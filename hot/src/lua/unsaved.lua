-- Messages of a chat that SQL does not have as they are, for a member: all from the oldest such on, at most the newest `limit`, and older ones that changed.
-- KEYS chat messages members dirty changed parked
-- ARGV user limit
-- returns {'OK', message ...} | {'COLD'} | {'FORBIDDEN'}
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'COLD' } end
if not is_in(redis.call('HGET', KEYS[3], ARGV[1])) then return { 'FORBIDDEN' } end
local found, oldest = { 'OK' }, nil
for _, key in ipairs({ KEYS[4], KEYS[6] }) do
  for _, entry in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local id = tonumber(string.match(entry, '^message:(%d+)$'))
    if id and (not oldest or id < oldest) then oldest = id end
  end
end
if oldest then
  local first = math.max(position(KEYS[2], oldest), redis.call('LLEN', KEYS[2]) - tonumber(ARGV[2]))
  for _, message in ipairs(redis.call('LRANGE', KEYS[2], first, -1)) do found[#found + 1] = message end
end
for _, message in ipairs(redis.call('HVALS', KEYS[5])) do found[#found + 1] = message end
return found
