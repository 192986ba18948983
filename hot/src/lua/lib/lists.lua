-- Lists among the arguments, after those that have a name. A list is where its values begin and
-- end in ARGV; they are copied nowhere.

-- Returns the list that begins, with its length, after the argument number `at`.
local function list_after(at)
  return { first = at + 2, last = at + 1 + tonumber(ARGV[at + 1]) }
end

-- Returns the value at a place of a list, from 0; from -1 backwards.
local function value_at(list, place)
  return ARGV[place < 0 and list.last + 1 + place or list.first + place]
end

-- Returns all values of a short list.
local function values_of(list) return unpack(ARGV, list.first, list.last) end

-- Iterates over a list, `width` values at a time.
local function each(list, width)
  local at = list.first - width
  return function()
    at = at + width
    if at <= list.last then return unpack(ARGV, at, at + width - 1) end
  end
end

-- Gives a list to a command, in parts: Lua's stack takes some 8,000 values in one call.
local function write(command, key, list)
  for start = list.first, list.last, 1000 do
    redis.call(command, key, unpack(ARGV, start, math.min(start + 999, list.last)))
  end
end

-- Returns the values of a list of at most some thousand.
local function table_of(list) return { values_of(list) } end
