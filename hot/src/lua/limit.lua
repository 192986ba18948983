-- One more of what somebody may do only so often.
-- KEYS limit
-- ARGV most period_us
-- returns {allowed (1 or 0), how many more may come now, seconds until one more may}
return { count(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])) }
