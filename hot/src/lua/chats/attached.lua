-- Reads the newest message of the list to which a file is attached; SQL has all older ones.
-- returns {'OK', message or ''} | {'COLD'} | {'FORBIDDEN'}
if redis.call('EXISTS', chat) == 0 then return then_sql({ 'COLD' }, commits) end
if reader ~= '' and not is_in(redis.call('HGET', members, reader)) then return { 'FORBIDDEN' } end
local needle = '"hash":"' .. hash .. '"'
local function found_in(message) return message and string.find(message, needle, 1, true) end

if redis.call('HGET', chat, 'indexed') then
  local last, first = '[' .. hash .. ':~', '[' .. hash .. ':'
  -- A script that was stopped may have left an entry without a message.
  for _, entry in ipairs(redis.call('ZREVRANGEBYLEX', files, last, first, 'LIMIT', 0, 10)) do
    local message = find_message(messages, tonumber(string.sub(entry, #hash + 2)))
    if found_in(message) then return { 'OK', message } end
  end
  return then_sql({ 'OK', '' }, commits)
end
-- A chat that an older release loaded has no index.
local all = redis.call('LRANGE', messages, 0, -1)
for at = #all, 1, -1 do
  if found_in(all[at]) then return { 'OK', all[at] } end
end
return then_sql({ 'OK', '' }, commits)
