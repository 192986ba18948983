-- The marks of commits, by which it shows that a store went back. `began:W` is the newest commit
-- that writer W has begun with rows of this partition: SQL has none of them that is newer.
-- `settled:W` is one that SQL had before rows left Redis because of it.

-- True when Redis has forgotten this commit of a writer, or never heard of it.
local function has_forgotten(marks, writer, number)
  return tonumber(redis.call('HGET', marks, 'began:' .. writer) or 0) < number
end

-- Adds the marks to a reply after which SQL is read: rows that left Redis before it are in an SQL
-- that has what was settled, and may be missing in a node of SQL that lags.
local function then_sql(reply, marks)
  local found = redis.call('HGETALL', marks)
  table.insert(found, 1, 'SETTLED')
  reply[#reply + 1] = found
  return reply
end

local function raise_mark(marks, field, number)
  if tonumber(redis.call('HGET', marks, field) or 0) < number then
    redis.call('HSET', marks, field, text(number))
  end
end
