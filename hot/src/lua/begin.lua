-- Begins to hydrate, or to create, a chat or a user: whoever holds the nonce may load it.
-- KEYS record hydrating
-- ARGV nonce lease_ms
-- returns {'RESIDENT'} | {'TAKEN'}: another is at it | {'BEGUN', now_us}
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'RESIDENT' } end
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return { 'TAKEN' } end
return { 'BEGUN', text(micros()) }
