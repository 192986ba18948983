-- Begins to hydrate, or to create, a chat or a user: the holder of the nonce may load it.
-- returns {'RESIDENT'} | {'TAKEN'}: another is at it | {'BEGUN', now_us}
if redis.call('EXISTS', record) == 1 then return { 'RESIDENT' } end
if not redis.call('SET', hydrating, nonce, 'NX', 'PX', lease) then return { 'TAKEN' } end
return then_sql({ 'BEGUN', text(micros()) }, commits)
