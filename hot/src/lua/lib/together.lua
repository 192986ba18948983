-- Runs a script for each of the calls that came together: `one` with the number of keys and of
-- arguments before its own. ARGV has the number of a call's arguments before them. A call that
-- fails leaves the others as they are.
-- returns what each returns; {'FAILED', error}
local function for_each_call(one, keys_of_one)
  local replies, key, arg = {}, 0, 0
  while ARGV[arg + 1] do
    local is_done, reply = pcall(one, key, arg + 1)
    if not is_done then
      -- Redis' own pcall returns the text of an error, which may begin with a code.
      local what = type(reply) == 'table' and reply.err or tostring(reply)
      reply = { 'FAILED', string.match(what, '^%u+ ') and what or 'ERR ' .. what }
    end
    replies[#replies + 1] = reply
    key, arg = key + keys_of_one, arg + 1 + tonumber(ARGV[arg + 1])
  end
  return replies
end

-- The work that the calls of a script have done, in rows: a script holds Redis up for all, so what
-- those before it have done counts for a call.
local work_done = 0
