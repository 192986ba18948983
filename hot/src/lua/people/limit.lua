-- Counts against a limit of an address or a name.
-- returns {allowed (1 or 0), how many more may come now, seconds until one more may}
return { count(limit, most, period, 1) }
