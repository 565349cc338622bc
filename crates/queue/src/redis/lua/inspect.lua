-- ARGV: name, how far positions are counted.
-- Answers with the record, what is in the task, what came of it, and its position.
local id = ARGV[1]
local found = record(id)
if not found then return false end
local position = false
if found[2] == 'waiting' then
  if found[10] then
    local read = tonumber(call('HGET', p .. 'meta', 'read') or 0)
    local entry = tonumber(found[10])
    position = entry - read - 1 - call('ZCOUNT', p .. 'gaps', '(' .. read, '(' .. entry)
  else
    local later = call('ZCARD', p .. 'later')
    position = call('ZCARD', p .. 'waiting') - later + call('ZRANK', p .. 'later', id)
  end
  position = math.min(position, tonumber(ARGV[2]))
end
return {found, call('GET', p .. 'payload:' .. id), call('GET', p .. 'result:' .. id), position}
