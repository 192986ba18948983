-- Forgets that a user announced a rename, once SQL has it at `rev`; unless another was announced
-- since.
-- returns {'OK'}
local since = redis.call('ZSCORE', fresh, user_id)
if since and tonumber(since) <= tonumber(rev) then redis.call('ZREM', fresh, user_id) end
return { 'OK' }
