-- Stores a task, unless it is there. It follows on forget.lua.

-- Answers with the name of the one that is kept, whether it is new, and what there is too much of.
-- A session and a key begin with `=`, where there are any.
local function put(id, queued, session, lane, key, payload, most_tasks, most_bytes)
  local dead
  if key ~= '' then
    local known = call('GET', p .. 'key:' .. key:sub(2))
    local state = known and call('HGET', p .. 'task:' .. known, 'state')
    if state and (state ~= 'dead' or known == id) then return {known, 0} end
    dead = state and known
  end
  local task = p .. 'task:' .. id
  if call('EXISTS', task) == 1 then return {id, 0} end

  local held = call('HMGET', p .. 'meta', 'tasks', 'bytes')
  local tasks, bytes = (held[1] or 0) + 1, (held[2] or 0) + #payload
  if dead then
    tasks, bytes = tasks - 1, bytes - call('HGET', p .. 'task:' .. dead, 'bytes')
  end
  if tasks > most_tasks then return {id, 0, 'tasks'} end
  if bytes > most_bytes then return {id, 0, 'bytes'} end

  if dead then
    -- Out of memory, the dead letter stays.
    call('HINCRBY', p .. 'meta', 'last', 1)
    forget(dead)
  end
  call('SET', p .. 'payload:' .. id, payload)
  local state = 'waiting'
  local about = {'queued', queued, 'bytes', #payload}
  if session ~= '' then
    local name = session:sub(2)
    local line = p .. 'session:' .. name
    if call('EXISTS', line) == 1 then state = 'behind' end
    call('ZADD', line, call('HINCRBY', p .. 'meta', 'last', 1), id)
    about[5], about[6] = 'session', name
  end
  if lane ~= '' then about[#about + 1], about[#about + 2] = 'lane', lane end
  if key ~= '' then
    call('SET', p .. 'key:' .. key:sub(2), id)
    about[#about + 1], about[#about + 2] = 'key', key:sub(2)
  end
  if state == 'waiting' then
    call('HSET', task, 'state', state, 'entry', append(id, lane), 'due', now, unpack(about))
  else
    call('HSET', task, 'state', state, unpack(about))
  end
  call('HSET', p .. 'meta', 'tasks', tasks, 'bytes', bytes)
  call('ZADD', p .. state, 0, id)
  call('ZADD', p .. 'age', queued, id)
  return {id, 1}
end
