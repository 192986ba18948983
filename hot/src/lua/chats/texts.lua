-- Counts, for a member, those of these messages that are texts and not deleted.
-- returns {'OK', how many, id ...}; the ids are of those that only SQL has | {'COLD'} |
-- {'FORBIDDEN'}
if redis.call('EXISTS', chat) == 0 then return { 'COLD' } end
if not is_in(redis.call('HGET', members, reader)) then return { 'FORBIDDEN' } end
local count, elsewhere = 0, {}
for id in each(ids, 1) do
  local message = find_message(messages, tonumber(id)) or redis.call('HGET', changed, id)
  if not message then
    elsewhere[#elsewhere + 1] = id
  elseif is_text(message) then
    count = count + 1
  end
end
local found = { 'OK', text(count), unpack(elsewhere) }
return #elsewhere > 0 and then_sql(found, commits) or found
