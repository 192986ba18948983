-- Reads the chats of a user whose score is above `since`, and so many more in their order, with
-- what the user's list and settings have of each; `with_pinned`: also those that are pinned. Or
-- just `about` these, which needs no order.
-- just `about` these, which needs no order. `known`: the history of Redis as the caller knows it,
-- '' if it does not: to look at it costs as much as the rest.
-- returns {'OK', now, can marks be taken away, the history if it was looked at, the highest score
-- of the others ('': there are none), chat, score or '', 'rev left' or '', 'rev value' or '', ...}
-- | {'MANY', now, can marks be taken away, the history}: more than `most` | {'UNMADE'}: there is no
-- order that can be relied upon | {'COLD'}
if redis.call('EXISTS', user) == 0 then return { 'COLD' } end
local ids, scores, rest = table_of(about), {}, ''
local can_unmark, history = '0', ''
if #ids == 0 then
  if known == '' then history = this_history() end
  local noted = redis.call('HGET', user, 'ordered')
  if not is_ordered(noted, from, known == '' and history or known) then return { 'UNMADE' } end
  local oldest = redis.call('ZRANGEBYSCORE', order, text(MARKS), '+inf', 'WITHSCORES', 'LIMIT', 0,
    1)[2]
  if oldest and tonumber(oldest) - MARKS + MARGIN < micros() then can_unmark = '1' end
  local above = redis.call('ZCOUNT', order, '(' .. since, '+inf')
  if above > most or with_pinned and redis.call('SCARD', pinned) > most then
    return { 'MANY', text(micros()), can_unmark, history }
  end
  local found = redis.call('ZRANGE', order, 0, above + more, 'REV', 'WITHSCORES')
  if #found > 2 * (above + more) then
    rest = table.remove(found)
    table.remove(found)
  end
  local is_found = {}
  for at = 1, #found, 2 do
    ids[#ids + 1], scores[#scores + 1] = found[at], found[at + 1]
    is_found[found[at]] = true
  end
  local pins = {}
  for _, id in ipairs(with_pinned and redis.call('SMEMBERS', pinned) or {}) do
    if not is_found[id] then pins[#pins + 1] = id end
  end
  local scores_of_pins = #pins > 0 and redis.call('ZMSCORE', order, unpack(pins))
  for at, id in ipairs(pins) do
    ids[#ids + 1], scores[#scores + 1] = id, scores_of_pins[at] or ''
  end
end
local reply = { 'OK', text(micros()), can_unmark, history, rest }
if #ids == 0 then return reply end
local keys = {}
for at, id in ipairs(ids) do keys[at] = 'chat:' .. id end
local entries = redis.call('HMGET', chats, unpack(ids))
local rows = redis.call('HMGET', private_rows, unpack(keys))
for at, id in ipairs(ids) do
  local to = 4 * at + 1
  reply[to + 1], reply[to + 2] = id, scores[at] or ''
  reply[to + 3], reply[to + 4] = entries[at] or '', rows[at] or ''
end
return reply
