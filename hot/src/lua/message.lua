-- One message, for a member of its chat.
-- KEYS chat messages members changed
-- ARGV user id
-- returns {'OK', dropped, message}; message: '' when it is only in SQL, or nowhere | {'COLD'} | {'FORBIDDEN'}
local dropped = redis.call('HGET', KEYS[1], 'dropped')
if not dropped then return { 'COLD' } end
if not is_in(redis.call('HGET', KEYS[3], ARGV[1])) then return { 'FORBIDDEN' } end
return { 'OK', dropped, find_message(KEYS[2], tonumber(ARGV[2])) or redis.call('HGET', KEYS[4], ARGV[2]) or '' }
