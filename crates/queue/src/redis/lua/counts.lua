-- Answers with how many are waiting, behind, leased, done and dead, the bytes, and the oldest.
local oldest = false
for _, name in ipairs({'age', 'held'}) do
  local first = call('ZRANGE', p .. name, 0, 0, 'WITHSCORES')[2]
  if first and (not oldest or tonumber(first) < tonumber(oldest)) then oldest = first end
end
local counts = {}
for at, state in ipairs({'waiting', 'behind', 'leased', 'done', 'dead'}) do
  counts[at] = call('ZCARD', p .. state)
end
counts[6] = call('HGET', p .. 'meta', 'bytes') or 0
counts[7] = oldest
return counts
