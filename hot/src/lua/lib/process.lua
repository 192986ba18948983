-- The process of Redis: the cursor of a scan holds in it alone, since another has the fields of a
-- hash in another order.
local function this_process() return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
