-- Reads the pinned messages of a chat, for one of its members, the newest pin first: those behind
-- `after`, or all when it is 0 or pinned no more. It ends when it has so many bytes, or has looked
-- at as many, with at least one message.
-- returns {'OK', is that all, {what those here answer ...}, {id, emojis, ...: the reader's
-- reactions that the records do not name}, {id ...}, record or '' ...}; '': only SQL has it |
-- {'COLD'} | {'FORBIDDEN'}
local kind, pins = unpack(redis.call('HMGET', chat, 'kind', 'pins'))
if not kind then return { 'COLD' } end
if not is_in(redis.call('HGET', members, reader)) then return { 'FORBIDDEN' } end
pins = pins or ''
local has_begun = not is_pinned(pins, after)
local ids, records, here, reactions = {}, {}, {}, {}
local size, is_all, is_elsewhere = 0, true, false
for id in string.gmatch(pins, '%d+') do
  if not has_begun then
    has_begun = id == after
  elseif #ids > 0 and (size >= bytes or looked_at >= bytes) then
    is_all = false
    break
  else
    local record = find_message(messages, tonumber(id)) or redis.call('HGET', changed, id)
    ids[#ids + 1] = id
    records[#records + 1] = record or ''
    if record then
      here[#here + 1] = record
      size = size + #record
      local mine = redis.call('HGET', others_of(chat, id), reader)
      if mine then
        reactions[#reactions + 1] = id
        reactions[#reactions + 1] = mine
      end
    else
      is_elsewhere = true
    end
  end
end
local answered, answers_elsewhere = answered_by(here, messages, changed)
local found = { 'OK', is_all and '1' or '0', answered, reactions, ids }
for _, record in ipairs(records) do found[#found + 1] = record end
return (is_elsewhere or answers_elsewhere) and then_sql(found, commits) or found
