-- ARGV: the most age, how long results and dead letters are kept, most deliveries.
-- Answers with how many were buried, and removed.
local AT_ONCE = 128
-- A worker that has not asked for so long is gone; if it is not, it is known again when it asks.
local GONE = 3600000

local buried, removed = 0, 0

local function before(name, span)
  return call('ZRANGEBYSCORE', p .. name, '-inf', now - span, 'LIMIT', 0, AT_ONCE)
end

-- One whose task somebody else has deleted, or the server to make room, is forgotten here as well.
for _, id in ipairs(before('age', ARGV[1])) do
  local state = call('HGET', p .. 'task:' .. id, 'state')
  if state then
    bury(id, state, 'too old')
    buried = buried + 1
  else
    call('ZREM', p .. 'age', id)
  end
end
for _, id in ipairs(over('leases', AT_ONCE)) do
  local deliveries = call('HGET', p .. 'task:' .. id, 'deliveries')
  if not deliveries then
    call('ZREM', p .. 'leases', id)
  elseif tonumber(deliveries) >= tonumber(ARGV[4]) then
    bury(id, 'leased', 'delivered too often')
    buried = buried + 1
  end
end
for state, span in pairs({done = ARGV[2], dead = ARGV[3]}) do
  for _, id in ipairs(before('ended:' .. state, span)) do
    if forget(id) then
      removed = removed + 1
    else
      call('ZREM', p .. 'ended:' .. state, id)
    end
  end
end

for _, lane in ipairs(call('ZRANGE', p .. 'lanes', 0, AT_ONCE - 1)) do
  local stream = p .. of('ready', lane)
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, 'workers')
  for _, consumer in ipairs(consumers.err and {} or consumers) do
    local about = {}
    for at = 1, #consumer, 2 do about[consumer[at]] = consumer[at + 1] end
    if about.pending == 0 and about.idle > GONE then
      call('XGROUP', 'DELCONSUMER', stream, 'workers', about.name)
    end
  end
end
return {buried, removed}
