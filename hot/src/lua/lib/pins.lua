-- The messages that are pinned in a chat: their ids in its row with commas between, the newest pin
-- first.

local function is_pinned(pins, id)
  return string.find(',' .. pins .. ',', ',' .. id .. ',', 1, true) ~= nil
end

local function without_pin(pins, id)
  return without(pins, function(one) return one == tonumber(id) end)
end

-- Takes away the pin of a message that is deleted.
local function unpin(chat, id)
  local pins = redis.call('HGET', chat, 'pins') or ''
  if is_pinned(pins, id) then redis.call('HSET', chat, 'pins', without_pin(pins, id)) end
end
