-- Reads a chat as one of its members sees it.
-- returns {'OK', pttl of the token, {kind name creator created last seq texts rev description
-- avatar blocks deleted mentions_all pins clock}, {user, member, ...}, newest message or '', saved,
-- {the one it answers}}; saved: all changes up to this tick are in SQL | {'COLD'} | {'FORBIDDEN'}
local row = redis.call('HMGET', chat, 'kind', 'name', 'creator', 'created', 'last', 'seq', 'texts',
  'rev', 'description', 'avatar', 'blocks', 'deleted', 'mentions_all', 'pins', 'clock',
  'uncounting', 'deleting')
if not row[1] then return { 'COLD' } end
if not is_in(redis.call('HGET', members, reader)) then return { 'FORBIDDEN' } end
local saved = tonumber(row[15])
-- A deletion that is not done yet has more members to change, at its own tick.
for _ = 1, 2 do
  local tick = string.match(table.remove(row) or '', '^%d+ (%d+)')
  if tick then saved = math.min(saved, tonumber(tick) - 1) end
end
for _, entries in ipairs({ dirty, parked }) do
  local oldest = redis.call('ZRANGE', entries, 0, 0, 'WITHSCORES')[2]
  if oldest then saved = math.min(saved, tonumber(oldest) - 1) end
end
local newest = redis.call('LINDEX', messages, -1) or ''
local answered, is_elsewhere = answered_by({ newest }, messages, changed)
local found = {
  'OK', redis.call('PTTL', token), row, redis.call('HGETALL', members), newest, text(saved),
  answered,
}
return is_elsewhere and then_sql(found, commits) or found
