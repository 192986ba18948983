-- Reads private rows of a user: these, or some of a kind, since there may be too many for one call.
-- returns {'OK', 'rev value' or '' of each} or, of a kind, {'OK', the place to go on from ('':
-- these were the last), key, 'rev value', ...} | {'COLD'}
if redis.call('EXISTS', user) == 0 then return { 'COLD' } end
if about.first <= about.last then
  local reply = { 'OK' }
  for i, row in ipairs(redis.call('HMGET', private_rows, values_of(about))) do
    reply[i + 1] = row or ''
  end
  return reply
end
local cursor, process = string.match(place, '^(%d+) ?(%w*)$')
if cursor ~= '0' and process ~= this_process() then cursor = '0' end
local step = redis.call('HSCAN', private_rows, cursor, 'MATCH', kind .. ':*', 'COUNT', most)
local reply = { 'OK', step[1] == '0' and '' or step[1] .. ' ' .. (this_process() or '') }
for _, part in ipairs(step[2]) do reply[#reply + 1] = part end
return reply
