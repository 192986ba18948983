-- Looks for the message that a member has sent under an idempotency key, as `append` does.
-- returns {'NEW', kind} | {'REPEATED', kind, message} | {'SAVED', kind, id}: only SQL has it by now
-- | {'ASK', kind}: only SQL can know | {'COLD'} | {'FORBIDDEN'}
local kind = redis.call('HGET', chat, 'kind')
if not kind then return { 'COLD' } end
if not is_in(redis.call('HGET', members, sender)) then return { 'FORBIDDEN' } end
local before = digest ~= '' and redis.call('ZSCORE', recent, digest)
  or redis.call('ZSCORE', sent, sender .. ':' .. client_id)
if before then
  local message = find_message(messages, tonumber(before))
  if message then return { 'REPEATED', kind, message } end
  local oldest = redis.call('LINDEX', messages, 0)
  if oldest and tonumber(before) < id_of(oldest) then
    return then_sql({ 'SAVED', kind, before }, commits)
  end
elseif is_old then
  return then_sql({ 'ASK', kind }, commits)
end
return { 'NEW', kind }
