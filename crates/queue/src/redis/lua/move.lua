-- How tasks go from one state to another. It follows on common.lua.

-- Nothing is any later than this, however the clock has been set since.
local LONGEST = 86400000

-- Up to which entry the stream of each lane has been read.
local read = {}

-- A lane of which nothing is left is forgotten, and its entries begin from one again.
local function forget_lane(lane)
  if lane ~= '' and call('XLEN', p .. of('ready', lane)) == 0 then
    call('DEL', p .. of('ready', lane), p .. of('gaps', lane))
    call('HDEL', p .. 'meta', of('entry', lane), of('read', lane))
    call('ZREM', p .. 'lanes', lane)
    read[lane] = nil
  end
end

-- Takes a task out of all that it is in because of its state.
local function leave(id, state)
  local task = p .. 'task:' .. id
  if state == 'waiting' or state == 'leased' then
    local entry = call('HGET', task, 'entry')
    if entry then
      local lane = lane_of(id)
      local stream = p .. of('ready', lane)
      call('XACK', stream, 'workers', '0-' .. entry)
      call('XDEL', stream, '0-' .. entry)
      if state == 'waiting' then
        read[lane] = read[lane] or tonumber(call('HGET', p .. 'meta', of('read', lane)) or 0)
        if tonumber(entry) > read[lane] then call('ZADD', p .. of('gaps', lane), entry, entry) end
      end
      forget_lane(lane)
    else
      call('ZREM', p .. 'later', id)
    end
  end
  if state == 'leased' then
    call('ZREM', p .. 'leases', id)
    call('ZREM', p .. 'held', id)
  elseif state == 'done' or state == 'dead' then
    call('ZREM', p .. 'ended:' .. state, id)
  else
    call('ZREM', p .. 'age', id)
  end
  call('ZREM', p .. state, id)
  call('HDEL', task, 'entry', 'due', 'ended', 'reason')
end

-- Makes it one of those that wait or are behind.
local function open(id, state, queued)
  call('ZADD', p .. state, 0, id)
  call('ZADD', p .. 'age', queued, id)
  call('HSET', p .. 'task:' .. id, 'state', state)
end

local function due(id)
  open(id, 'waiting', call('HGET', p .. 'task:' .. id, 'queued'))
  ready(id)
end

local function ended(id, state)
  call('ZADD', p .. state, 0, id)
  call('ZADD', p .. 'ended:' .. state, now, id)
  call('HSET', p .. 'task:' .. id, 'state', state, 'ended', now)
end

-- Counts what is not done.
local function count(tasks, bytes)
  call('HINCRBY', p .. 'meta', 'tasks', tasks)
  call('HINCRBY', p .. 'meta', 'bytes', bytes)
end

-- One is no longer open: the next of its session may be given out.
local function move_up(id, session)
  if not session then return end
  local line = p .. 'session:' .. session
  call('ZREM', line, id)
  local next = call('ZRANGE', line, 0, 0)[1]
  if next and call('HGET', p .. 'task:' .. next, 'state') == 'behind' then
    leave(next, 'behind')
    due(next)
  end
end

local function bury(id, state, reason)
  leave(id, state)
  ended(id, 'dead')
  call('HSET', p .. 'task:' .. id, 'reason', reason)
  move_up(id, call('HGET', p .. 'task:' .. id, 'session'))
end

-- The lease of a task is held by whoever shows the token of its last delivery. Answers with the
-- session and the bytes of the task.
local function holds(id, token)
  local known = call('HMGET', p .. 'task:' .. id, 'state', 'token', 'session', 'bytes')
  if known[1] == 'leased' and known[2] == token then return {known[3], known[4]} end
end

-- At most so many, those of the lowest score first. What ends later than anything can that was
-- begun by now, was begun before the clock was set back: it has ended.
local function over(name, most)
  local ids = call('ZRANGEBYSCORE', p .. name, '-inf', now, 'LIMIT', 0, most)
  if #ids < most then
    local far = call('ZRANGEBYSCORE', p .. name, '(' .. (now + LONGEST), '+inf', 'LIMIT', 0, most - #ids)
    for _, id in ipairs(far) do ids[#ids + 1] = id end
  end
  return ids
end
