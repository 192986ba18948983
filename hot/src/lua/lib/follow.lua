-- Every script that adds messages begins with `mend`, so a call that was stopped after the list was
-- written is completed by the next one. The caller names the keys: `chat`, `messages`, `members`,
-- `changed`, `silent`, `dirty`.

-- Takes the text that is being deleted off what a member has not read. `pending`: its id, and the
-- tick that deleted it. Done twice it does no harm: a member with that tick, or a later one, is
-- left alone; so whatever gives a member a later one calls this before.
local function discount(pending, member)
  if pending and member.left == '0' and tonumber(member.read) < pending.id
    and tonumber(member.rev) < tonumber(pending.tick)
  then
    member.counted = text(tonumber(member.counted) + 1)
    member.mentions = without(member.mentions, function(one) return one == pending.id end)
    return true
  end
end

-- Does what follows from a message that is the newest of the list: its sender has read it, it is a
-- mention for those it names, and the chat's row counts it. One that mentions all is noted there.
-- `sender` and `record`: its author and their record, if the caller has read them.
local function follow(keys, message, texts, sender, record)
  local id, seq = string.match(message, '^{"id":(%d+),"seq":(%d+)')
  sender = sender or string.match(message, '"sender_id":"([^"]+)"')
  if is_text(message) then
    texts = texts + 1
    record = record or redis.call('HGET', keys.members, sender)
    if is_in(record) then
      redis.call('HSET', keys.members, sender, having_read(record, id, text(texts)))
    end
    for _, user in ipairs(mentioned(message, sender)) do
      local member = member_of(redis.call('HGET', keys.members, user))
      if member and member.left == '0' and tonumber(member.rev) < tonumber(id) then
        discount(keys.pending, member)
        member.mentions = with_mention(member.mentions, id, true)
        member.rev = id
        redis.call('HSET', keys.members, user, record_of(member))
      end
    end
    if is_for_all(message) then note_for_all(keys.chat, id, true) end
  else
    redis.call('ZADD', keys.silent, id, id)
  end
  redis.call('HSET', keys.chat, 'clock', id, 'told', id, 'rev', id, 'last', id, 'seq', seq, 'texts',
    text(texts))
  return tonumber(id), tonumber(seq), texts
end

-- Completes what is under way. `what`: the fields of the chat's row that name it, and their values.
-- Its functions are made when it is called, since each costs a script some 70 ns whether it is
-- needed or not.
local function complete(keys, what)
  -- Goes on with what follows from a text's deletion: it is not unread any more for those who had
  -- not read it. So many members at a call; `uncounting` has the place: id, tick, cursor, and the
  -- process of Redis in which that cursor holds. Another has its members in another order: it
  -- begins again.
  local function uncount_some(place)
    local id, tick, cursor, process = string.match(place, '^(%d+) (%d+) (%d+) ?(%w*)$')
    if cursor ~= '0' and process ~= this_process() then cursor = '0' end
    keys.pending = { id = tonumber(id), tick = tick }
    local step = redis.call('HSCAN', keys.members, cursor, 'COUNT', 64)
    local records, marks, change = step[2], {}, {}
    for i = 1, #records, 2 do
      local member = member_of(records[i + 1])
      if member and discount(keys.pending, member) then
        member.rev = tick
        marks[#marks + 1] = tick
        marks[#marks + 1] = 'member:' .. records[i]
        change[#change + 1] = records[i]
        change[#change + 1] = record_of(member)
      end
    end
    if #change > 0 then
      redis.call('ZADD', keys.dirty, unpack(marks))
      redis.call('HSET', keys.members, unpack(change))
    end
    if step[1] == '0' then
      redis.call('HDEL', keys.chat, 'uncounting')
      keys.pending = nil
    else
      local here = step[1] .. ' ' .. (this_process() or '')
      redis.call('HSET', keys.chat, 'uncounting', id .. ' ' .. tick .. ' ' .. here)
    end
  end

  -- Begins what follows from a text's deletion. `mark`: its id, and the tick that deleted it.
  local function uncount(mark)
    local id, tick = string.match(mark, '^(%d+) (%d+)$')
    local listed = find_message(keys.messages, tonumber(id))
    local message = listed or redis.call('HGET', keys.changed, id)
    if message and rev_of(message) == tonumber(tick) then
      if listed then redis.call('ZADD', keys.silent, id, id) end
      note_for_all(keys.chat, id, false)
      unpin(keys.chat, id)
      redis.call('HSET', keys.chat, 'uncounting', mark .. ' 0')
      redis.call('HDEL', keys.chat, 'deleting')
      uncount_some(mark .. ' 0')
    else
      redis.call('HDEL', keys.chat, 'deleting')
    end
  end

  -- Does what follows from a reaction of one of them. `mark`: the message, the tick of the
  -- reaction, the user, and their emojis from then on. Done twice it does no harm.
  local function follow_reaction(mark)
    local id, tick, user, emojis = string.match(mark, '^(%d+) (%d+) (%S+) ?(.*)$')
    local record = find_message(keys.messages, tonumber(id)) or redis.call('HGET', keys.changed, id)
    if record and rev_of(record) == tonumber(tick) then
      if emojis == '' then
        redis.call('HDEL', others_of(keys.chat, id), user)
      else
        redis.call('SADD', reacted_of(keys.chat), id)
        redis.call('HSET', others_of(keys.chat, id), user, emojis)
      end
    end
    redis.call('HDEL', keys.chat, 'reacting')
  end

  -- Does what follows from an edit that names others than before: it is a mention for those who
  -- came, if they have not read it, and none for those who went. `mark`: the message, the tick of
  -- the edit, ` -USER` for each who went and ` +USER` for each who came; `all` for all. Done twice
  -- it does no harm: a member with that tick, or a later one, is left alone.
  local function follow_naming(mark)
    local id, tick, users = string.match(mark, '^(%d+) (%d+)(.*)$')
    local record = find_message(keys.messages, tonumber(id)) or redis.call('HGET', keys.changed, id)
    if record and rev_of(record) == tonumber(tick) then
      for sign, user in string.gmatch(users, ' ([+-])(%S+)') do
        local member = user ~= 'all' and member_of(redis.call('HGET', keys.members, user))
        if user == 'all' then
          note_for_all(keys.chat, id, sign == '+')
        elseif member and member.left == '0' and tonumber(member.rev) < tonumber(tick) then
          discount(keys.pending, member)
          local comes = sign == '+' and tonumber(member.read) < tonumber(id)
          member.mentions = with_mention(member.mentions, id, comes)
          member.rev = tick
          redis.call('HSET', keys.members, user, record_of(member))
        end
      end
    end
    redis.call('HDEL', keys.chat, 'naming')
  end

  -- Does what follows from a group's deletion at this tick: it has no members and no messages.
  local function wipe(tick)
    local records, change = redis.call('HGETALL', keys.members), {}
    for i = 1, #records, 2 do
      local member = member_of(records[i + 1])
      if member.left == '0' then
        member.left, member.mentions, member.rev = tick, '', tick
        change[#change + 1] = records[i]
        change[#change + 1] = record_of(member)
      end
    end
    if #change > 0 then redis.call('HSET', keys.members, unpack(change)) end
    redis.call('DEL', keys.messages, keys.changed, keys.silent)
    forget_all_others(keys.chat)
  end

  if what.uncounting then uncount_some(what.uncounting) end
  if what.deleting then uncount(what.deleting) end
  if what.reacting then follow_reaction(what.reacting) end
  if what.naming then follow_naming(what.naming) end
  if what.deleted then wipe(what.deleted) end
end

-- Completes what an earlier call left half done. Returns the chat's clock, seq, texts and blocks,
-- the tick of the last change that members were notified of, and the version of the roster; nil
-- when the chat is not resident. `keys.pending` is the deletion that is not done yet, if one is.
-- It fails where the members are to be marked before. `keys.only_completes`: the caller changes
-- nothing besides.
local function mend(keys)
  local clock, seq, texts, blocks, told, roster, deleted, uncounting, deleting, reacting, naming,
    marked = unpack(redis.call('HMGET', keys.chat, 'clock', 'seq', 'texts', 'blocks', 'told',
      'roster', 'deleted', 'uncounting', 'deleting', 'reacting', 'naming', 'marked'))
  if not clock then return nil end
  clock, seq, texts = tonumber(clock), tonumber(seq), tonumber(texts)
  deleted = deleted ~= '0' and deleted
  local has_rest = uncounting or deleting or reacting or naming or deleted
  if has_rest or not keys.only_completes then
    demand_marks(keys.chat, keys.members, marked)
  end
  if has_rest then
    complete(keys, {
      uncounting = uncounting,
      deleting = deleting,
      reacting = reacting,
      naming = naming,
      deleted = deleted,
    })
  end
  local newest = redis.call('LINDEX', keys.messages, -1)
  if newest and tonumber(string.match(newest, '"seq":(%d+)')) > seq then
    demand_marks(keys.chat, keys.members, marked)
    clock, seq, texts = follow(keys, newest, texts)
    told = text(clock)
  end
  return clock, seq, texts, blocks or '', told, roster
end

-- True when the other of a direct chat blocks this one. `blocks`: `who:since:1`, or `:0` when no
-- longer.
local function is_blocked(blocks, user)
  for who in string.gmatch(blocks, '([^: ]+):%d+:1') do
    if who ~= user then return true end
  end
  return false
end
