-- Reads the oldest rows of a chat that SQL does not have. It renews the lease, so that its
-- connection has a write to wait for (WAITAOF, WAIT). SQL is never shown a message that its chat
-- does not count yet. It marks the commit that the rows are for as begun, so that a Redis which
-- forgets it shows.
-- returns {'LATER'}: the calls before it have done enough for a script | {'GONE'} | {'FORGOT'}:
-- Redis has forgotten a commit that SQL has | {'OK', saved, told,
-- roster, {field of the chat's row ...}, {number of a message's row, {user, emojis ...} ...}, then
-- entry, rev, row ...}; saved: all changes up to this tick are among the rows, or saved already; of
-- messages, who reacted and is not named in the row; the row of `list:UID` is the member's; '' when
-- there is none, and for `chat`, whose row comes before
if work_done >= 128 then return { 'LATER' } end
if has_forgotten(commits, writer, known) then return { 'FORGOT' } end
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty, only_completes = true,
}
local clock, _, _, _, told, roster = mend(keys)
if not clock then
  redis.call('ZREM', due, chat_id)
  return { 'GONE' }
end
local row = redis.call('HMGET', chat, 'kind', 'name', 'creator', 'created', 'last', 'seq', 'texts',
  'rev', 'description', 'avatar', 'blocks', 'deleted', 'mentions_all', 'pins',
  'invites')
local room = bytes
raise_mark(commits, 'began:' .. writer, commit)
redis.call('ZADD', due, text(math.floor(micros() / 1000) + lease), chat_id)
local entries =
  redis.call('ZRANGEBYSCORE', dirty, '-inf', newest, 'WITHSCORES', 'LIMIT', 0, rows)

local message_of = window_over(messages)
local has_others = redis.call('EXISTS', reacted_of(chat)) == 1
local others = {}
local found, saved = { 'OK', 0, told, roster, row, others }, math.min(clock, tonumber(newest))
-- A deletion that is not done yet has more members to change, at its own tick.
if keys.pending then saved = math.min(saved, tonumber(keys.pending.tick) - 1) end
if #entries == 2 * rows then
  saved = math.min(saved, tonumber(entries[#entries]) - 1)
end
local size = #found
for i = 1, #entries, 2 do
  local entry, rev = entries[i], entries[i + 1]
  local data = ''
  if string.sub(entry, 1, 8) == 'message:' then
    local id = string.sub(entry, 9)
    data = message_of(id) or redis.call('HGET', changed, id) or ''
    room = room - #data
    if has_others and redis.call('SISMEMBER', reacted_of(chat), id) == 1 then
      local reactors = redis.call('HGETALL', others_of(chat, id))
      others[#others + 1] = (i + 1) / 2
      others[#others + 1] = reactors
      room = room - 20 * #reactors
    end
  elseif entry ~= 'chat' then
    data = redis.call('HGET', members, string.match(entry, ':(.*)$') or '') or ''
  end
  found[size + 1], found[size + 2], found[size + 3] = entry, rev, data
  size = size + 3
  if room <= 0 then
    saved = math.min(saved, tonumber(rev) - 1)
    break
  end
end
work_done = work_done + (size - 6) / 3 + math.floor((bytes - room) / 512)
local first_parked = redis.call('ZRANGE', parked, 0, 0, 'WITHSCORES')[2]
found[2] = text(first_parked and math.min(saved, tonumber(first_parked) - 1) or saved)
return found
