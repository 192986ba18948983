-- The index of the files that the messages of the list have: HASH:ID, by hash and then id.

-- Returns the entries of a message, each after its score.
local function files_of(message, id)
  local entries, at = {}, string.find(message, ',"attachments":[', 1, true)
  if at then
    for hash in string.gmatch(string.sub(message, at), '{"hash":"([^"]+)"') do
      entries[#entries + 1] = '0'
      entries[#entries + 1] = hash .. ':' .. id
    end
  end
  return entries
end

local function index_files(files, message, id)
  local entries = files_of(message, id)
  if #entries > 0 then redis.call('ZADD', files, unpack(entries)) end
end

local function forget_files(files, message, id)
  local entries = files_of(message, id)
  for at = 2, #entries, 2 do redis.call('ZREM', files, entries[at]) end
end
