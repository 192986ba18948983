-- Reads a user's rows that SQL does not have: the user's own and the private ones. It renews the
-- lease and marks the commit, as `snapshot_chat` does.
-- returns {'GONE'} | {'FORGOT'} | {'OK', rev of the user's row or '' when SQL has it, {username
-- email display_name bio avatar password password_rev created erased found_by_email
-- external_id disabled metadata}, claims, {entry, rev, 'rev value' or ''} ...}
if has_forgotten(commits, writer, known) then return { 'FORGOT' } end
local row = redis.call('HMGET', user, 'username', 'email', 'display_name', 'bio', 'avatar',
  'password', 'password_rev', 'created', 'erased', 'found_by_email', 'external_id',
  'disabled', 'metadata', 'claims')
if redis.call('EXISTS', user) == 0 then
  redis.call('ZREM', due, user_id)
  return { 'GONE' }
end
raise_mark(commits, 'began:' .. writer, commit)
redis.call('ZADD', due, text(math.floor(micros() / 1000) + lease), user_id)
local claims = table.remove(row) or ''
local entries =
  redis.call('ZRANGEBYSCORE', dirty, '-inf', newest, 'WITHSCORES', 'LIMIT', 0, rows)
local found = { 'OK', '', row, claims }
for i = 1, #entries, 2 do
  local entry, rev = entries[i], entries[i + 1]
  if entry == 'user' then
    found[2] = rev
  else
    local about = string.sub(entry, #'mine:' + 1)
    found[#found + 1] = { entry, rev, redis.call('HGET', private_rows, about) or '' }
  end
end
return found
