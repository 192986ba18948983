-- Stands at the head of a script that is sent whole, and lets it run only in a Redis that was
-- compared with SQL: `proven` has the process of each such node and the history that it went on
-- with when it was promoted. One that is only a replica by now is none of them.
-- returns the error UNPROVEN
do
  local info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication')
  local process = string.match(info, 'run_id:%w+')
  local history = string.match(info, 'master_replid2:%w+')
  local is_primary = string.find(info, 'role:master', 1, true)
  if not (process and history and is_primary and string.find(proven, process .. history, 1, true))
  then
    return redis.error_reply('UNPROVEN this Redis was not compared with SQL')
  end
end
