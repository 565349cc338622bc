-- What all scripts begin with. KEYS[1] is what the names of all keys of this queue begin with.
--
--   task:<id>      hash    what is known of a task; `payload:<id>` and `result:<id>` beside it
--   waiting, behind, leased, done, dead
--                  zsets   the names of the tasks in each state, all with score 0: in their order
--   ready          stream  of what is due; its group `workers` knows who has what
--   gaps           zset    entries that were taken out of `ready` before they were read
--   later          zset    what waits, by when it is due
--   leases         zset    what is leased, by until when
--   age, held      zsets   what waits or is behind, and what is leased, by when it was queued
--   ended:done, ended:dead
--                  zsets   what has ended, by when
--   session:<name> zset    the open tasks of a session, in their order
--   key:<key>      string  which task has this key
--   meta           hash    totals (tasks, bytes), and the last numbers that were given out
local p = KEYS[1]
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function ready(id)
  local entry = call('HINCRBY', p .. 'meta', 'entry', 1)
  call('XADD', p .. 'ready', '0-' .. entry, 'task', id)
  call('HSET', p .. 'task:' .. id, 'entry', entry, 'due', now)
end
