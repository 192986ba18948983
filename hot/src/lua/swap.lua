-- Compare and set, or delete, of a string: a claim, or a hydration's nonce.
-- KEYS string
-- ARGV expected value   (value '': delete)
-- returns 1 when it was as expected
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
