-- As `authenticate`, and if the session is good, its user does one more of what they may do only so often. Still one round trip.
-- KEYS session
-- ARGV prefix of the user's key, prefix of the limit's key (both in the same slot), most, period_us
-- returns what `authenticate` does, and of a good session then: allowed (1 or 0), how many more may come now, seconds until one more may
local session = session_of(KEYS[1], ARGV[1])
if not session[1] or session[5] ~= session[6] then return session end
session[7], session[8], session[9] = count(ARGV[2] .. session[1], tonumber(ARGV[3]), tonumber(ARGV[4]))
return session
