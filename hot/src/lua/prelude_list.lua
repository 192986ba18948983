-- The list of messages: JSON, oldest first, each beginning with its id and seq.
local function id_of(message) return tonumber(string.match(message, '^{"id":(%d+)')) end

-- The index of the first message whose id is not below `id`; the length when there is none.
local function position(list, id)
  local low, high = 0, redis.call('LLEN', list)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if id_of(redis.call('LINDEX', list, middle)) < id then low = middle + 1 else high = middle end
  end
  return low
end

local function find_message(list, id)
  local message = redis.call('LINDEX', list, position(list, id))
  if message and id_of(message) == id then return message end
end

-- A text that counts: not a system message, and not deleted.
local function is_text(message)
  return string.find(message, '"kind":"text"', 1, true) ~= nil and string.find(message, '"deleted":true', 1, true) == nil
end

local function rev_of(record) return tonumber(string.match(record, '"rev":(%d+)')) end
