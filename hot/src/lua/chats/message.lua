-- Reads one message, for a member of its chat.
-- returns {'OK', dropped, message, {the one it answers}}; message: '' when it is only in SQL, or
-- nowhere | {'COLD'} | {'FORBIDDEN'}
local dropped = redis.call('HGET', chat, 'dropped')
if not dropped then return { 'COLD' } end
if not is_in(redis.call('HGET', members, reader)) then return { 'FORBIDDEN' } end
local message = find_message(messages, tonumber(id)) or redis.call('HGET', changed, id) or ''
local answered, is_elsewhere = answered_by({ message }, messages, changed)
local found = { 'OK', dropped, message, answered }
return (message == '' or is_elsewhere) and then_sql(found, commits) or found
