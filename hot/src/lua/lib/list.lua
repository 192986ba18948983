-- The list of messages: JSON, oldest first, each beginning with its id and seq.
local function id_of(message) return tonumber(string.match(message, '^{"id":(%d+)')) end

-- The bytes of the records that the functions of this file have read. A look at a long record costs
-- as much as one at a hundred short ones, so what ends by bytes counts looks, too.
local looked_at = 0
local function look(list, index)
  local message = redis.call('LINDEX', list, index)
  looked_at = looked_at + (message and #message or 0)
  return message
end

-- Returns the index of the first message whose id is not below `id`; the length when there is none.
-- Ids are times, so it guesses where one would be at an even pace, and halves in turn: a look into
-- the middle of a long list costs some 20 us.
local function position(list, id)
  local low, high = 0, redis.call('LLEN', list) - 1
  if high < 0 then return 0 end
  local low_id, high_id = id_of(look(list, 0)), id_of(look(list, -1))
  if id <= low_id then return 0 end
  if id > high_id then return high + 1 end
  local guesses = true
  while high - low > 1 do
    local share = guesses and (id - low_id) / (high_id - low_id) or 0.5
    local middle = low + math.floor((high - low) * share)
    middle = math.max(low + 1, math.min(high - 1, middle))
    local middle_id = id_of(look(list, middle))
    if middle_id < id then
      low, low_id = middle, middle_id
    else
      high, high_id = middle, middle_id
    end
    guesses = not guesses
  end
  return high
end

local function find_message(list, id)
  local message = look(list, position(list, id))
  if message and id_of(message) == id then return message end
end

-- Reads up to `count` records of a list, from this index on towards its end (`way` 1) or its
-- beginning (-1), until they have so many bytes: at least one. The first few tell how many to read
-- next. Returns them, oldest first, and their size.
local function read_within(list, from, count, way, bytes)
  local found, size, step = {}, 0, 2
  while #found < count and size < bytes do
    local first = from + way * #found
    local last = first + way * (math.min(step, count - #found) - 1)
    local some = redis.call('LRANGE', list, math.min(first, last), math.max(first, last))
    if #some == 0 then break end
    for at = 1, #some do
      local record = some[way > 0 and at or #some + 1 - at]
      found[#found + 1] = record
      size = size + #record
      if size >= bytes then break end
    end
    step = math.max(1, math.min(16, math.ceil((bytes - size) * #found / size)))
  end
  looked_at = looked_at + size
  for at = 1, way < 0 and math.floor(#found / 2) or 0 do
    found[at], found[#found + 1 - at] = found[#found + 1 - at], found[at]
  end
  return found, size
end

-- Returns a function that finds messages by id. It reads in steps, of fewer where messages are
-- long, and seeks only where the next step does not have the message: wanted ones are neighbours
-- more often than not.
local function window_over(list)
  local at, last, window, ahead = nil, 0, {}, 2
  local function read(from)
    local step, size = redis.call('LRANGE', list, from, from + ahead - 1), 0
    for _, message in ipairs(step) do
      window[string.match(message, '^{"id":(%d+)')] = message
      size = size + #message
    end
    looked_at = looked_at + size
    at, last = from + #step, #step > 0 and id_of(step[#step]) or last
    if size > 0 then ahead = math.max(1, math.min(64, math.floor(32768 * #step / size))) end
  end
  return function(id)
    local number = tonumber(id)
    if number > last and at then read(at) end
    if number > last then read(position(list, number)) end
    local message = window[id]
    window[id] = nil
    return message or find_message(list, number)
  end
end

-- True for a text that counts: not a system message, and not deleted.
local function is_text(message)
  return string.find(message, '"kind":"text"', 1, true) ~= nil
    and string.find(message, '"deleted":true', 1, true) == nil
end

local function rev_of(record) return tonumber(string.match(record, '"rev":(%d+)')) end
