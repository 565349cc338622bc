-- What is known of a task. It follows on common.lua.

local function record(id)
  local known = call('HMGET', p .. 'task:' .. id, 'state', 'session', 'queued', 'due', 'ended',
    'deliveries', 'bytes', 'reason', 'entry')
  if not known[1] then return false end
  if known[1] == 'leased' then known[4] = call('ZSCORE', p .. 'leases', id) end
  return {id, unpack(known, 1, 9)}
end
