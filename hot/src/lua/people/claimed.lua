-- Reads the claim of a name; without one, SQL knows whose it is.
-- returns {'OK', claim or ''}
return then_sql({ 'OK', redis.call('GET', claim) or '' }, commits)
