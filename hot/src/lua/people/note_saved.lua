-- Notes that SQL has a commit, before the claims of names that it has are released.
-- returns 1
raise_mark(commits, 'settled:' .. writer, saved)
return 1
