-- Marks what was committed as clean, and evicts what is. No other script takes a row of a chat out
-- of Redis. `leaves`: a clean chat is evicted although it is warm.
-- returns {'FORGOT'}: Redis has forgotten that commit, so the rows may be older ones | {'GONE'} |
-- {'DIRTY'} | {'WARM'} | {'PARKED'} | {'EVICTED'}
if has_forgotten(commits, writer, commit) then return { 'FORGOT' } end
if redis.call('EXISTS', chat) == 0 then
  redis.call('ZREM', due, chat_id)
  return { 'GONE' }
end
local now = micros()
local function look_in(wait)
  redis.call('ZADD', due, text(math.floor(now / 1000) + wait), chat_id)
end

raise_mark(commits, 'settled:' .. writer, saved)
local parked_count, refused = redis.call('ZCARD', parked), redis.call('EXISTS', dead) == 1
local function is_parked(entry)
  return parked_count > 0 and redis.call('ZSCORE', parked, entry)
end

local function is_unsaved(entry)
  return redis.call('ZSCORE', dirty, entry) or is_parked(entry)
end

-- An old key is forgotten once its message is saved: then SQL knows it. Who asked SQL before learns
-- by `dropped` that they have to ask again.
local function forget_keys(keys, age)
  local old = redis.call('ZRANGE', keys, '-inf', '(' .. text(now - age), 'BYSCORE', 'LIMIT', 0, 512,
    'WITHSCORES')
  local forgotten = {}
  for i = 1, #old, 2 do
    if not is_unsaved('message:' .. old[i + 1]) then forgotten[#forgotten + 1] = old[i] end
  end
  if #forgotten > 0 then
    redis.call('HSET', chat, 'dropped', nonce)
    redis.call('ZREM', keys, unpack(forgotten))
  end
end
forget_keys(sent, sent_age)
forget_keys(recent, recent_age)

-- Of committed rows without a change since, nothing else has a rev between theirs: then those leave
-- at once. `committed` is in the order of `dirty`.
local function clean_at_once()
  local count = (committed.last - committed.first + 1) / 2
  if count == 0 then return true end
  local lowest, highest = value_at(committed, 1), value_at(committed, -1)
  local found = redis.call('ZRANGEBYSCORE', dirty, lowest, highest, 'WITHSCORES', 'LIMIT', 0,
    count + 1)
  local at = 1
  for entry, rev in each(committed, 2) do
    if found[at] == entry and found[at + 1] == rev then at = at + 2 end
  end
  if at <= #found then return false end
  redis.call('ZREMRANGEBYSCORE', dirty, lowest, highest)
  return true
end
local is_done = clean_at_once()
if not is_done or refused or parked_count > 0 then
  for entry, rev in each(committed, 2) do
    if redis.call('ZSCORE', dirty, entry) == rev then redis.call('ZREM', dirty, entry) end
    local score = parked_count > 0 and redis.call('ZSCORE', parked, entry)
    if score and tonumber(score) <= tonumber(rev) then
      redis.call('ZREM', parked, entry)
      score = nil
    end
    -- A row that was refused and is saved now is no dead letter any more, whether it was parked or
    -- not; one that still is parked stays one.
    if refused and not score then redis.call('HDEL', dead, chat_id .. '/' .. entry) end
  end
end

-- A deletion that is not done yet has more to save.
local is_deleting = redis.call('HEXISTS', chat, 'uncounting') == 1
  or redis.call('HEXISTS', chat, 'deleting') == 1
local dirty_count = redis.call('ZCARD', dirty)
local unsaved = dirty_count + (is_deleting and 1 or 0)
local spare = redis.call('LLEN', messages) - keep
local clean, blocked = 0, false
-- So many leave at once, at the most; the others when the flusher comes back.
local most = math.min(spare, math.max(1024 - work_done, 0))
local has_others = redis.call('EXISTS', reacted_of(chat)) == 1
local has_more = has_others or redis.call('EXISTS', files) == 1
local trimmed = {}
-- Where all is saved, and nothing belongs to any, none need be looked at.
if dirty_count + parked_count == 0 and not has_more then clean = math.max(most, 0) end
while clean < most and not blocked do
  local step = redis.call('LRANGE', messages, clean, math.min(clean + 127, most - 1))
  local entries = {}
  for at, message in ipairs(step) do
    entries[at] = 'message:' .. string.match(message, '^{"id":(%d+)')
  end
  local unsaved_revs = redis.call('ZMSCORE', dirty, unpack(entries))
  for at, message in ipairs(step) do
    blocked = unsaved_revs[at] or is_parked(entries[at])
    if blocked then break end
    clean = clean + 1
    trimmed[clean] = message
  end
end
work_done = work_done + #trimmed
if clean > 0 then
  redis.call('HSET', chat, 'dropped', nonce)
  redis.call('LTRIM', messages, clean, -1)
  local oldest = redis.call('LINDEX', messages, 0)
  redis.call('ZREMRANGEBYSCORE', silent, '-inf',
    oldest and '(' .. string.match(oldest, '^{"id":(%d+)') or '+inf')
  -- What belongs to a message leaves after it.
  for _, message in ipairs(has_more and trimmed or {}) do
    local id = string.match(message, '^{"id":(%d+)')
    forget_files(files, message, id)
    if has_others then forget_others(chat, id) end
  end
end
local function is_clean(entry)
  return not redis.call('ZSCORE', dirty, entry) and not redis.call('ZSCORE', parked, entry)
end
local has_changed = redis.call('HLEN', changed) > 0
for entry in each(committed, 2) do
  local is_message = string.sub(entry, 1, 8) == 'message:'
  local kind, id
  if has_changed or not is_message then kind, id = string.match(entry, '^(%a+):(.*)$') end
  if is_message then
    if has_changed and redis.call('HEXISTS', changed, id) == 1 and is_clean(entry) then
      redis.call('HSET', chat, 'dropped', nonce)
      redis.call('HDEL', changed, id)
      forget_others(chat, id)
    end
  elseif kind then
    -- Who has left a group is of no use here, once SQL knows and their own list.
    local record = redis.call('HGET', members, id)
    if record and not is_in(record) and is_clean('member:' .. id) and is_clean('list:' .. id) then
      local gone = tonumber(redis.call('HGET', chat, 'gone') or 0)
      redis.call('HSET', chat, 'gone', text(math.max(gone, rev_of_member(record))))
      redis.call('HDEL', members, id)
    end
  end
end

-- Asking for the token makes Redis expire it in time, and tell of it.
local life = leaves and 0 or redis.call('PTTL', token)
if unsaved > 0 or (spare > most and not blocked) then
  -- A deletion goes on at once. A chat that is no longer warm is not about to change more: what is
  -- left of it need not wait for company.
  look_in(is_deleting and 0 or life > 0 and soon or math.min(soon, 500))
  return { 'DIRTY' }
end
if life > 0 then
  look_in(life)
  return { 'WARM' }
end
if redis.call('ZCARD', parked) > 0 then
  look_in(idle)
  return { 'PARKED' }
end
forget_all_others(chat)
redis.call('DEL', chat, token, messages, members, dirty, sent, recent, hydrating, parked, changed,
  silent, files)
redis.call('ZREM', due, chat_id)
return { 'EVICTED' }
