-- The order of a user's chats: of each a score that is not below any change of it which matters to
-- the user, or a mark. A mark is MARKS and a tick: from that tick on the chat may have changed at
-- any time, so whoever reads the order asks the chat. It is exact in a double.
local MARKS = 4000000000000000
-- The time for which a chat may change after its members were marked.
local MARKED_FOR = 900000000
-- The time without a change after which a chat may be put at rest before that is over.
local QUIET = 60000000
-- The age of a mark before which it is not taken away: more than clocks of nodes may differ, and
-- than it takes to mark all members of a chat.
local MARGIN = 120000000

local function mark_since(tick) return text(MARKS + tick) end

-- The members of a chat, at the most, whom the script that changes it marks itself.
local SMALL = 32

-- The key of a user: in a cluster it is elsewhere than a chat of theirs.
local function user_key(user)
  return 'user:{u' .. tonumber(string.sub(user, -2), 16) .. '}:' .. user
end

-- Marks a chat in the orders of its members, if they are few and all of them are in this Redis: in
-- a cluster they are elsewhere, which shows before anything is written.
local function marks_members(chat, members)
  if redis.call('HLEN', members) > SMALL then return false end
  local id, orders = string.match(chat, '[^:]+$'), {}
  for _, user in ipairs(redis.call('HKEYS', members)) do
    local key = user_key(user)
    local has = redis.pcall('HEXISTS', key .. ':chats', id)
    if type(has) == 'table' then return false end
    if has == 1 then orders[#orders + 1] = key .. ':order' end
  end
  local since = mark_since(micros())
  for _, order in ipairs(orders) do redis.call('ZADD', order, 'GT', since, id) end
  redis.call('HSET', chat, 'marked', text(micros()))
  return true
end

-- Goes on only if the members of a chat were marked of late, or are now. Else it fails, before
-- anything is written: whoever called marks them then, and calls again. `marked`: what the chat's
-- row has.
local function demand_marks(chat, members, marked)
  if marked and tonumber(marked) + MARKED_FOR >= micros() then return end
  if not marks_members(chat, members) then
    error(redis.error_reply('MARK ' .. chat .. ' ' .. text(micros())))
  end
end

-- True for a chat that changes no more before its members are marked anew, by any clock.
local function is_at_rest(marked)
  return not marked or tonumber(marked) + MARKED_FOR + MARGIN < micros()
end

-- True for an order, as the user's row notes how it was made, that was made and kept by the process
-- of Redis that answers, whose history this is, and not before `from`. What another process had
-- marked may be lost.
local function is_ordered(noted, from, history)
  local of, made = string.match(noted or '', '^(%w+) (%d+)$')
  return of == history and tonumber(made) >= tonumber(from)
end

local function note_order(user)
  redis.call('HSET', user, 'ordered', this_history() .. ' ' .. text(micros()))
end

-- Puts chats into an order: as marked, or those that the user has left at the rev of that.
-- `entries`: chat, 'rev left', ...
local function put_in_order(order, entries)
  local scores, now = {}, mark_since(micros())
  for at = 1, #entries, 2 do
    local rev, left = string.match(entries[at + 1], '^(%d+) ?(%d*)$')
    scores[#scores + 1] = (left == '0' or left == '') and now or rev
    scores[#scores + 1] = entries[at]
  end
  if #scores > 0 then redis.call('ZADD', order, 'GT', unpack(scores)) end
end

local function has_pin(row) return string.find(row, '"pinned":true', 1, true) ~= nil end

-- Notes the chats that are pinned by these private rows: key, 'rev value', ...
local function note_pins(pinned, rows)
  for at = 1, #rows, 2 do
    local of_chat = string.match(rows[at], '^chat:(.*)$')
    if of_chat and has_pin(rows[at + 1]) then redis.call('SADD', pinned, of_chat) end
  end
end
