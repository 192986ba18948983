-- Messages that others answer: each read makes their previews of what they are now.

-- A preview needs no more of a record: what comes before the body, and 100 characters of it.
local ENOUGH = 4096

-- Adds the message that a record answers, if it does, to those wanted: seq by id, or true.
local function want_answered(record, wanted)
  local at = string.find(record, ',"reply_to":{', 1, true)
  if not at then return end
  local id, rest = string.match(record, '^,"reply_to":{"id":(%d+),"sender_id":"[^"]+"([^}]*)', at)
  if id then wanted[id] = tonumber(string.match(rest, '^,"seq":(%d+)')) or true end
end

-- Returns the beginning of a record, cut between two characters.
local function head_of(record)
  local cut = ENOUGH
  local function splits() return math.floor((string.byte(record, cut + 1) or 0) / 64) == 2 end
  while splits() do cut = cut - 1 end
  return string.sub(record, 1, cut)
end

-- Returns the records, cut, of the messages that these answer, as far as Redis has them and they
-- are not among these; and true when SQL has some of them.
local function answered_by(records, messages, changed)
  local wanted, found = {}, {}
  for _, record in ipairs(records) do want_answered(record, wanted) end
  if not next(wanted) then return found, false end
  for _, record in ipairs(records) do wanted[string.match(record, '^{"id":(%d+)')] = nil end
  local oldest = redis.call('LINDEX', messages, 0)
  local first = oldest and tonumber(string.match(oldest, '"seq":(%d+)'))
  local is_elsewhere = false
  for id, seq in pairs(wanted) do
    local record
    -- The seqs of a list have no gap. An older record does not tell which one it answers.
    if seq == true then
      record = oldest and tonumber(id) >= id_of(oldest) and find_message(messages, tonumber(id))
    elseif first and seq >= first then
      record = redis.call('LINDEX', messages, seq - first)
    end
    record = record or redis.call('HGET', changed, id)
    if record then
      found[#found + 1] = head_of(record)
    else
      is_elsewhere = true
    end
  end
  return found, is_elsewhere
end
