-- A hot message of a chat to which a file is attached, the newest.
-- KEYS chat messages members changed
-- ARGV user hash   (user: '' when nobody in particular asks)
-- returns {'OK', message or ''} | {'COLD'} | {'FORBIDDEN'}
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'COLD' } end
if ARGV[1] ~= '' and not is_in(redis.call('HGET', KEYS[3], ARGV[1])) then return { 'FORBIDDEN' } end
local needle = '"hash":"' .. ARGV[2] .. '"'
local last = -1
while true do
  local some = redis.call('LRANGE', KEYS[2], last - 127, last)
  for at = #some, 1, -1 do
    if string.find(some[at], needle, 1, true) then return { 'OK', some[at] } end
  end
  if #some < 128 then break end
  last = last - 128
end
for _, message in ipairs(redis.call('HVALS', KEYS[4])) do
  if string.find(message, needle, 1, true) then return { 'OK', message } end
end
return { 'OK', '' }
