-- Compares and sets, or deletes, a string: a claim, or a hydration's nonce.
-- returns 1 when it was as expected
if redis.call('GET', stored) ~= expected then return 0 end
if value == '' then redis.call('DEL', stored) else redis.call('SET', stored, value) end
return 1
