-- Removes a task. It follows on move.lua.

local function forget(id)
  local task = p .. 'task:' .. id
  local known = call('HMGET', task, 'state', 'session', 'bytes', 'key')
  local state = known[1]
  if not state then return false end
  leave(id, state)
  if state ~= 'done' then count(-1, 0 - known[3]) end
  if known[4] then call('DEL', p .. 'key:' .. known[4]) end
  call('DEL', task, p .. 'payload:' .. id, p .. 'result:' .. id)
  if state ~= 'done' and state ~= 'dead' then move_up(id, known[2]) end
  return true
end
