-- Reactions in a message's record: its JSON has the count of each kind and names the first 20 who
-- reacted. A second line, after a line break, names them again, for the first release; it is a mere
-- `+` when others reacted too, which that release cannot read, and so cannot lose.
local NAMED = 20

local function count_named(kind) return select(2, string.gsub(kind.users, '"[^"]+"', '')) end

-- Returns the kinds of reaction in their order: emoji, count, the users who are named (as JSON).
local function kinds_of(json)
  local kinds, at = {}, string.find(json, ',"reactions":[', 1, true)
  if not at then return kinds end
  local list = string.sub(json, at, string.find(json, ']}]', at, true) + 2)
  local one = '{"emoji":"([^"]+)","count":(%d+),"user_ids":%[([^%]]*)%]}'
  for emoji, count, users in string.gmatch(list, one) do
    kinds[#kinds + 1] = { emoji = emoji, count = tonumber(count), users = users }
  end
  return kinds
end

-- Returns the record of a message with these kinds of reaction and this rev.
local function record_with(json, kinds, rev)
  local first, after = string.find(json, ',"reactions":[', 1, true), nil
  if first then
    after = string.find(json, ']}]', first, true) + 3
  else
    first = string.find(json, ',"edited_at":"', 1, true) or #json
    after = first
  end
  local head = string.gsub(string.sub(json, 1, first - 1), '"rev":%d+', '"rev":' .. rev, 1)
  local tail = string.sub(json, after)
  if #kinds == 0 then return head .. tail end
  local shown, named, has_others = {}, {}, false
  for at, kind in ipairs(kinds) do
    has_others = has_others or kind.count > count_named(kind)
    shown[at] = string.format('{"emoji":"%s","count":%d,"user_ids":[%s]}', kind.emoji, kind.count,
      kind.users)
    named[at] = string.format('{"emoji":"%s","users":[%s]}', kind.emoji, kind.users)
  end
  return head .. ',"reactions":[' .. table.concat(shown, ',') .. ']' .. tail .. '\n'
    .. (has_others and '+' or '[' .. table.concat(named, ',') .. ']')
end

-- Returns those whom the second line of a record has and its JSON does not name, as the first
-- release wrote it; nil where there are none.
local function others_beside(line, kinds)
  local emojis, order = {}, {}
  for _, kind in ipairs(kinds) do
    local begin = '{"emoji":"' .. kind.emoji .. '","users":['
    local _, at = string.find(line, begin .. kind.users, 1, true)
    local rest = at and string.match(line, '^,([^%]]*)%]', at + 1)
    for user in string.gmatch(rest or '', '"([^"]+)"') do
      if not emojis[user] then order[#order + 1] = user end
      emojis[user] = emojis[user] and emojis[user] .. ' ' .. kind.emoji or kind.emoji
    end
  end
  if #order == 0 then return nil end
  local others = {}
  for _, user in ipairs(order) do
    others[#others + 1] = user
    others[#others + 1] = emojis[user]
  end
  return others
end

-- Returns a list of words, joined by `between`, with one more or without one.
local function with_word(words, word, between)
  return words == '' and word or words .. between .. word
end
local function without_word(words, word, between)
  local kept = {}
  for one in string.gmatch(words, '[^' .. between .. ']+') do
    if one ~= word then kept[#kept + 1] = one end
  end
  return table.concat(kept, between)
end
