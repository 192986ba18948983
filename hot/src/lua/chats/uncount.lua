-- Goes on with what follows from the deletion of a text.
-- returns {'OK', is there more} | {'COLD'}
local keys = {
  chat = chat, messages = messages, members = members, changed = changed, silent = silent,
  dirty = dirty, only_completes = true,
}
if not mend(keys) then return { 'COLD' } end
return { 'OK', keys.pending and '1' or '0' }
