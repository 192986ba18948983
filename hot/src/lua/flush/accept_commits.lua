-- Takes the commits that SQL has for begun here, once nothing is left that is older than they are.
-- returns 1
for writer, number in each(saved, 2) do
  raise_mark(commits, 'began:' .. writer, tonumber(number))
end
return 1
