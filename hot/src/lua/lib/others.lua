-- Who reacted beyond those whom a message's record names: a hash for each message that has any,
-- user -> emojis with spaces between; a set has the ids of these messages.
local function others_of(chat, id) return chat .. ':reactors:' .. id end
local function reacted_of(chat) return chat .. ':reacted' end

local function forget_others(chat, id)
  local had_any = redis.call('SREM', reacted_of(chat), id) == 1
  if had_any then redis.call('UNLINK', others_of(chat, id)) end
end

local function forget_all_others(chat)
  for _, id in ipairs(redis.call('SMEMBERS', reacted_of(chat))) do
    redis.call('UNLINK', others_of(chat, id))
  end
  redis.call('DEL', reacted_of(chat))
end

-- Writes all of them anew, given in turn: user, emojis.
local function write_others(chat, id, others)
  if #others == 0 then return end
  redis.call('SADD', reacted_of(chat), id)
  redis.call('UNLINK', others_of(chat, id))
  for at = 1, #others, 1000 do
    redis.call('HSET', others_of(chat, id), unpack(others, at, math.min(at + 999, #others)))
  end
end
