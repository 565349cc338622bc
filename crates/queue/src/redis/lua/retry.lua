-- ARGV: name.
local id = ARGV[1]
local task = p .. 'task:' .. id
local known = call('HMGET', task, 'state', 'entry', 'session')
if known[1] == 'waiting' then
  if not known[2] then
    call('ZREM', p .. 'later', id)
    ready(id)
  end
  return 1
end
if known[1] ~= 'dead' then return 0 end

leave(id, 'dead')
call('HDEL', task, 'deliveries')
call('HSET', task, 'queued', now)
local behind = false
if known[3] then
  local line = p .. 'session:' .. known[3]
  behind = call('EXISTS', line) == 1
  call('ZADD', line, call('HINCRBY', p .. 'meta', 'last', 1), id)
end
if behind then open(id, 'behind', now) else due(id) end
return 1
