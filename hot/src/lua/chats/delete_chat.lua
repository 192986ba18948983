-- Deletes a group at its owner's wish: it has no members from then on, and its messages are gone.
-- Its row stays, empty, to tell SQL.
-- returns {'OK'} | {'ROLE'} | {'DIRECT'} | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty,
}
local now = micros()
if skewed(caller_clock, now) then return { 'SKEW' } end
local clock = mend(keys)
if not clock then return { 'COLD' } end
local member = redis.call('HGET', members, actor)
local kind, deleted = unpack(redis.call('HMGET', chat, 'kind', 'deleted'))
local owns = member and role_of(member) == 'owner'
if owns and deleted ~= '0' then return { 'OK' } end
if not is_in(member) then return { 'FORBIDDEN' } end
if kind ~= 'group' then return { 'DIRECT' } end
if not owns then return { 'ROLE' } end

local rev = text(math.max(clock + 1, now))
local records, marks = redis.call('HGETALL', members), { rev, 'chat' }
for i = 1, #records, 2 do
  if is_in(records[i + 1]) then
    for _, entry in ipairs({ 'member:', 'list:' }) do
      marks[#marks + 1] = rev
      marks[#marks + 1] = entry .. records[i]
    end
  end
end
becomes_dirty(dirty, due, chat_id, flush_after)
redis.call('ZADD', dirty, unpack(marks))
redis.call('HSET', chat, 'clock', rev, 'told', rev, 'roster', rev, 'rev', rev, 'deleted', rev,
  'name', '', 'description', '', 'avatar', '', 'mentions_all', '',
  'pins', '', 'invites', '')
complete(keys, { deleted = rev })
redis.call('DEL', token, sent, recent, files)
return { 'OK' }
