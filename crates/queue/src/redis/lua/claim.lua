-- ARGV: worker, most, lease, most deliveries, most bytes; how many of the lanes that are not named,
-- and of each that is, its name and how many. KEYS[2]: the plain list.
-- Answers with how long the list is, and what is given out.
local worker, most, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local most_deliveries, room = tonumber(ARGV[4]), tonumber(ARGV[5])
local others, named, names = tonumber(ARGV[6]), {}, 0
for at = 7, #ARGV, 2 do
  named[ARGV[at]] = tonumber(ARGV[at + 1])
  names = names + 1
end
-- So many are looked at beyond those that are given out.
local AT_ONCE = 100

for _, id in ipairs(over('later', AT_ONCE)) do
  call('ZREM', p .. 'later', id)
  if call('EXISTS', p .. 'task:' .. id) == 1 then ready(id) end
end

local given, looked = {}, 0
-- Each delivery has a number of its own.
local token = call('HINCRBY', p .. 'meta', 'last', most) - most

local function wanted(lane)
  return (named[lane] or others) > 0
end

local function about(id)
  return call('HMGET', p .. 'task:' .. id, 'session', 'key', 'queued', 'deliveries', 'entry', 'lane')
end

local function give(id, state, known)
  looked = looked + 1
  local deliveries = tonumber(known[4] or 0)
  if deliveries >= most_deliveries then return bury(id, state, 'delivered too often') end
  local payload = call('GET', p .. 'payload:' .. id)
  if not payload then return bury(id, state, 'what is in it is gone') end

  deliveries = deliveries + 1
  token = token + 1
  call('ZADD', p .. 'leases', now + lease, id)
  call('HSET', p .. 'task:' .. id, 'state', 'leased', 'token', token, 'deliveries', deliveries)
  if state == 'waiting' then
    call('ZREM', p .. 'waiting', id)
    call('ZREM', p .. 'age', id)
    call('ZADD', p .. 'leased', 0, id)
    call('ZADD', p .. 'held', known[3], id)
  end
  room = room - #payload
  local lane = known[6] or ''
  if named[lane] then named[lane] = named[lane] - 1 else others = others - 1 end
  given[#given + 1] = {id, known[1], known[6], known[2], known[3], payload, token, deliveries}
end

-- What was begun already is finished first.
local unwanted = {}
for _, id in ipairs(over('leases', AT_ONCE)) do
  if #given >= most or room <= 0 then break end
  local known = about(id)
  if not known[5] then
    -- Somebody has deleted its key.
    call('ZREM', p .. 'leases', id)
  elseif wanted(known[6] or '') then
    local stream = p .. of('ready', known[6] or '')
    call('XCLAIM', stream, 'workers', worker, 0, '0-' .. known[5], 'FORCE', 'JUSTID')
    give(id, 'leased', known)
  else
    unwanted[#unwanted + 1] = id
  end
end
-- So many would hide those of other lanes: they go back into theirs.
if #unwanted == AT_ONCE then
  for _, id in ipairs(unwanted) do
    leave(id, 'leased')
    due(id)
  end
end

local function next_entry(stream)
  return redis.pcall('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT', 1, 'STREAMS', stream, '>')
end

-- Gives out the next of a lane, if there is one. Answers with whether there was an entry.
local function next_of(lane)
  local stream = p .. of('ready', lane)
  local found = next_entry(stream)
  if found and found.err then
    if found.err:sub(1, 7) ~= 'NOGROUP' then return found end
    if call('EXISTS', stream) == 0 then
      forget_lane(lane)
      return false
    end
    call('XGROUP', 'CREATE', stream, 'workers', 0)
    found = next_entry(stream)
  end
  if not found then return false end
  local entry = found[1][2][1]
  local number, id = entry[1]:sub(3), entry[2] and entry[2][2]
  read[lane] = tonumber(number)
  local known = id and about(id)
  if known and known[5] == number and (known[6] or '') == lane then
    give(id, 'waiting', known)
  else
    call('XACK', stream, 'workers', entry[1])
    call('XDEL', stream, entry[1])
    forget_lane(lane)
  end
  return true
end

-- Of each lane one after the other, those first that have waited for longest.
call('ZADD', p .. 'lanes', 'NX', 0, '')
local lanes = call('ZRANGE', p .. 'lanes', 0, names + most + AT_ONCE)
local served = {}
while #lanes > 0 do
  local more = {}
  for _, lane in ipairs(lanes) do
    if #given >= most or room <= 0 or looked >= most + AT_ONCE then break end
    local found = wanted(lane) and next_of(lane)
    if type(found) == 'table' then return found end
    if found then
      served[lane] = token
      more[#more + 1] = lane
    end
  end
  if #given >= most or room <= 0 or looked >= most + AT_ONCE then break end
  lanes = more
end
for lane, token in pairs(served) do
  if read[lane] then
    call('ZADD', p .. 'lanes', 'XX', token, lane)
    call('HSET', p .. 'meta', of('read', lane), read[lane])
    -- Others are left for later: they are not counted any more.
    local gaps = p .. of('gaps', lane)
    local passed = call('ZRANGEBYSCORE', gaps, '-inf', read[lane], 'LIMIT', 0, AT_ONCE)
    if passed[1] then call('ZREM', gaps, unpack(passed)) end
  end
end

local plain = redis.pcall('LLEN', KEYS[2])
return {type(plain) == 'number' and plain or 0, given}
