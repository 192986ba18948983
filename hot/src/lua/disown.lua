-- Does the owner still stand by a claim? If what they want is too old, they no longer may have it.
-- KEYS user
-- ARGV kind name nonce age_ms
-- returns {'OWNED'} | {'FREE'}
local want, claims = unpack(redis.call('HMGET', KEYS[1], 'want_' .. ARGV[1], 'claims'))
local mine = ARGV[2] .. ' ' .. ARGV[3] .. ' '
if claims and string.find(claims, ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3] .. ';', 1, true) then return { 'OWNED' } end
if want and string.sub(want, 1, #mine) == mine then
  if tonumber(string.sub(want, #mine + 1)) > millis() - tonumber(ARGV[4]) then return { 'OWNED' } end
  redis.call('HDEL', KEYS[1], 'want_' .. ARGV[1])
end
return { 'FREE' }
