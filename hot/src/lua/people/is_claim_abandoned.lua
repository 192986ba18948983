-- Tells whether the owner of a claim no longer stands by it. A wish that is too old is void, and is
-- taken back.
-- returns {'OWNED'} | {'FREE'}
local want, claims = unpack(redis.call('HMGET', user, 'want_' .. kind, 'claims'))
local wish = name .. ' ' .. nonce .. ' '
local claim = kind .. ' ' .. name .. ' ' .. nonce .. ';'
if claims and string.find(claims, claim, 1, true) then return { 'OWNED' } end
if want and string.sub(want, 1, #wish) == wish then
  if tonumber(string.sub(want, #wish + 1)) > millis() - age then return { 'OWNED' } end
  redis.call('HDEL', user, 'want_' .. kind)
end
return { 'FREE' }
