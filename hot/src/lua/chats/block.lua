-- Blocks the other of a direct chat, or ends the block: the later of two changes wins.
-- returns {'OK'} | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock, _, _, blocks = mend(keys)
if not clock then return { 'COLD' } end
if not is_in(redis.call('HGET', members, blocker)) then return { 'FORBIDDEN' } end
local kept = { blocker .. ':' .. since .. ':' .. (on and '1' or '0') }
for who, at, active in string.gmatch(blocks, '([^: ]+):(%d+):([01])') do
  if who ~= blocker then
    kept[#kept + 1] = who .. ':' .. at .. ':' .. active
  elseif tonumber(at) >= tonumber(since) then
    return { 'OK' }
  end
end
local rev = text(math.max(clock + 1, now))
becomes_dirty(dirty, due, chat_id, flush_after)
redis.call('ZADD', dirty, rev, 'chat')
redis.call('HSET', chat, 'clock', rev, 'rev', rev, 'blocks', table.concat(kept, ' '))
return { 'OK' }
