-- A group is deleted by its owner: nobody is in it from then on, and what was written there is gone. Its row stays, empty, to tell SQL.
-- KEYS chat token messages members dirty due changed sent
-- ARGV now_us chat_id actor flush_after_ms
-- returns {'OK'} | {'ROLE'} | {'DIRECT'} | {'COLD'} | {'SKEW'} | {'FORBIDDEN'}
local keys = { chat = KEYS[1], messages = KEYS[3], members = KEYS[4], changed = KEYS[7] }
local clock = mend(keys)
if not clock then return { 'COLD' } end
local now = micros()
if skewed(ARGV[1], now) then return { 'SKEW' } end
local actor = redis.call('HGET', KEYS[4], ARGV[3])
local kind, deleted = unpack(redis.call('HMGET', KEYS[1], 'kind', 'deleted'))
local owns = actor and role_of(actor) == 'owner'
if owns and deleted ~= '0' then return { 'OK' } end
if not is_in(actor) then return { 'FORBIDDEN' } end
if kind ~= 'group' then return { 'DIRECT' } end
if not owns then return { 'ROLE' } end

local rev = text(math.max(clock + 1, now))
local records, dirty = redis.call('HGETALL', KEYS[4]), { rev, 'chat' }
for i = 1, #records, 2 do
  if is_in(records[i + 1]) then
    for _, entry in ipairs({ 'member:', 'list:' }) do
      dirty[#dirty + 1] = rev
      dirty[#dirty + 1] = entry .. records[i]
    end
  end
end
becomes_dirty(KEYS[5], KEYS[6], ARGV[2], tonumber(ARGV[4]))
redis.call('ZADD', KEYS[5], unpack(dirty))
redis.call('HSET', KEYS[1], 'clock', rev, 'told', rev, 'roster', rev, 'rev', rev, 'deleted', rev, 'name', '', 'description', '', 'avatar', '')
wipe(keys, rev)
redis.call('DEL', KEYS[2], KEYS[8])
return { 'OK' }
