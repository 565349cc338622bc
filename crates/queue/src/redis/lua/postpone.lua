-- ARGV: name, token, wait, 1 when the delivery counts, reason.
local id, wait = ARGV[1], tonumber(ARGV[3])
if not holds(id, ARGV[2]) then return 0 end
local task = p .. 'task:' .. id
leave(id, 'leased')
call('HSET', task, 'reason', ARGV[5])
if ARGV[4] ~= '1' then call('HINCRBY', task, 'deliveries', -1) end
if wait == 0 then
  due(id)
else
  open(id, 'waiting', call('HGET', task, 'queued'))
  call('ZADD', p .. 'later', now + wait, id)
  call('HSET', task, 'due', now + wait)
end
return 1
