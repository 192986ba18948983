-- Takes the marks of chats away that were at rest when they were asked, after `before`: each has as
-- its score the tick of its last change from then on. A mark that is younger stays, since the chat
-- may have changed after it was asked; so does one that is no mark any more.
-- returns how many were taken away
local taken = 0
for id, tick in each(ticks, 2) do
  local score = tonumber(redis.call('ZSCORE', order, id) or 0)
  if score >= MARKS and score - MARKS + MARGIN < tonumber(before) then
    local entry = redis.call('HGET', chats, id)
    if entry then
      local rev = tonumber(string.match(entry, '^%d+'))
      local row = redis.call('HGET', private_rows, 'chat:' .. id)
      local kept = tonumber(string.match(row or '', '^%d+') or 0)
      redis.call('ZADD', order, text(math.max(tonumber(tick), rev, kept)), id)
    else
      redis.call('ZREM', order, id)
    end
    taken = taken + 1
  end
end
return taken
