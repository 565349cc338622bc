-- ARGV: name, how far positions are counted.
-- Answers with the record, what is in the task, what came of it, and its position.
local id = ARGV[1]
local found = record(id)
if not found then return false end
local position = false
if found[2] == 'waiting' then
  local lane = lane_of(id)
  local last = call('HMGET', p .. 'meta', of('read', lane), of('entry', lane))
  local read, next = tonumber(last[1] or 0), (last[2] or 0) + 1
  local entry = tonumber(found[10] or next)
  position = entry - read - 1 - call('ZCOUNT', p .. of('gaps', lane), '(' .. read, '(' .. entry)
  if not found[10] then position = position + call('ZRANK', p .. 'later', id) end
  position = math.min(position, tonumber(ARGV[2]))
end
return {found, call('GET', p .. 'payload:' .. id), call('GET', p .. 'result:' .. id), position}
