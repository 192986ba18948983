-- The process of Redis: the cursor of a scan holds in it alone, since another has the fields of a
-- hash in another order.
local function this_process() return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end

-- The process, and the history that it went on with when it was promoted last: as long as both are
-- the same, nothing that it has written is forgotten.
local function this_history()
  return this_process() .. string.match(redis.call('INFO', 'replication'), 'master_replid2:(%w+)')
end
