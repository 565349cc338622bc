-- What all scripts begin with. KEYS[1] is what the names of all keys of this queue begin with.
--
--   task:<id>      hash    what is known of a task; `payload:<id>` and `result:<id>` beside it
--   waiting, behind, leased, done, dead
--                  zsets   the names of the tasks in each state, all with score 0: in their order
--   ready          stream  of what is due; its group `workers` knows who has what
--   gaps           zset    entries that were taken out of `ready` before they were read
--   ready:<lane>, gaps:<lane>
--                          the same of a lane that has a name
--   lanes          zset    the lanes that have a stream, by when something of each was last read
--   later          zset    what waits, by when it is due
--   leases         zset    what is leased, by until when
--   age, held      zsets   what waits or is behind, and what is leased, by when it was queued
--   ended:done, ended:dead
--                  zsets   what has ended, by when
--   session:<name> zset    the open tasks of a session, in their order
--   key:<key>      string  which task has this key
--   meta           hash    totals (tasks, bytes), and the last numbers that were given out; of each
--                          lane the last entry that was written, and the last that was read
local p = KEYS[1]
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- What each lane has one of. That of the lane without a name has none either.
local function of(name, lane)
  if lane == '' then return name end
  return name .. ':' .. lane
end

local function lane_of(id)
  return call('HGET', p .. 'task:' .. id, 'lane') or ''
end

-- Puts a task at the end of its lane.
local function append(id, lane)
  local entry = call('HINCRBY', p .. 'meta', of('entry', lane), 1)
  call('XADD', p .. of('ready', lane), '0-' .. entry, 'task', id)
  if not call('ZSCORE', p .. 'lanes', lane) then
    -- A new lane is not before those that have waited.
    call('ZADD', p .. 'lanes', call('HGET', p .. 'meta', 'last') or 0, lane)
  end
  return entry
end

local function ready(id)
  call('HSET', p .. 'task:' .. id, 'entry', append(id, lane_of(id)), 'due', now)
end
