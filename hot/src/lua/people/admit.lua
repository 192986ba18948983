-- As `authenticate`, and of a good session charges what its user owes to the budget, and counts
-- against a limit, each if there is one. Still one round trip.
-- returns what `authenticate` does, and of a good session then, for the budget and for the limit:
-- allowed (1 or 0; of the limit how many of those wanted), how many more may come now, seconds
-- until one more may; or three times ''
local found = session_of(session, user_prefix)
if not found[1] or found[5] ~= found[8] then return found end
local allowed
for i = 9, 14 do found[i] = '' end
if budget > 0 then
  allowed, found[10], found[11] = charge(budget_prefix .. found[1], budget, budget_period, owed)
  found[9] = allowed
end
if most > 0 and allowed ~= 0 then
  found[12], found[13], found[14] = count(limit_prefix .. found[1], most, period, wanted)
end
return found
