-- What all scripts begin with. All keys begin with `{agent_journal}:`, so a cluster keeps them on one
-- node. KEYS[1] and KEYS[2] are those of one session:
--
--   session:<hash>  hash  id, first, last, records, bytes, branch, since, next;
--                         r:<step>:<digest>:<nth>  the number of a record
--                         n:<step>:<digest>        how many there are of the same request at a step
--                         b:<step>                 the latest branch that has this given step
--                         i:<number>               what is told of a record
--   bodies:<hash>   hash  a:<number>, q:<number>   what was answered, and asked
--
-- KEYS[3] and KEYS[4] are those of all sessions:
--
--   names           zset  all with score 0: in their order
--   ages            zset  by when their last record was made
local call = redis.call
local S, B = KEYS[1], KEYS[2]

-- Whether another request stands at this given step of the history that is current, and this one
-- nowhere.
local function changed(given, step, at, digest)
  if given ~= '1' then return false end
  local branch = call('HGET', S, 'b:' .. at)
  if not branch then return false end
  if call('HEXISTS', S, 'r:' .. at .. ':' .. digest .. ':0') == 1 then return false end
  local since = tonumber(call('HGET', S, 'since') or 0)
  return branch == (call('HGET', S, 'branch') or '0') or tonumber(step) < since
end
