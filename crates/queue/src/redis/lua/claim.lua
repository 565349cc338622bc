-- ARGV: worker, most, lease, most deliveries, most bytes. KEYS[2]: the plain list.
-- Answers with how long the list is, and what is given out.
local worker, most, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local most_deliveries, room = tonumber(ARGV[4]), tonumber(ARGV[5])
-- So many are looked at beyond those that are given out.
local AT_ONCE = 100

for _, id in ipairs(over('later', AT_ONCE)) do
  call('ZREM', p .. 'later', id)
  if call('EXISTS', p .. 'task:' .. id) == 1 then ready(id) end
end

local given, looked = {}, 0
-- Each delivery has a number of its own.
local token = call('HINCRBY', p .. 'meta', 'last', most) - most

local function about(id)
  return call('HMGET', p .. 'task:' .. id, 'session', 'key', 'queued', 'deliveries', 'entry')
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
  given[#given + 1] = {id, known[1], known[2], known[3], payload, token, deliveries}
end

-- What was begun already is finished first.
for _, id in ipairs(over('leases', math.min(most, AT_ONCE))) do
  if room <= 0 then break end
  local known = about(id)
  if known[5] then
    call('XCLAIM', p .. 'ready', 'workers', worker, 0, '0-' .. known[5], 'FORCE', 'JUSTID')
    give(id, 'leased', known)
  else
    -- Somebody has deleted its key.
    call('ZREM', p .. 'leases', id)
  end
end

local function next_entry()
  return redis.pcall('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT', 1, 'STREAMS', p .. 'ready', '>')
end

while #given < most and room > 0 and looked < most + AT_ONCE do
  local found = next_entry()
  if found and found.err then
    if found.err:sub(1, 7) ~= 'NOGROUP' then return found end
    call('XGROUP', 'CREATE', p .. 'ready', 'workers', 0, 'MKSTREAM')
    found = next_entry()
  end
  if not found then break end
  local entry = found[1][2][1]
  local number, id = entry[1]:sub(3), entry[2] and entry[2][2]
  read = tonumber(number)
  local known = id and about(id)
  if known and known[5] == number then
    give(id, 'waiting', known)
  else
    call('XACK', p .. 'ready', 'workers', entry[1])
    call('XDEL', p .. 'ready', entry[1])
  end
end
if read then
  call('HSET', p .. 'meta', 'read', read)
  -- Others are left for later: they are not counted any more.
  local passed = call('ZRANGEBYSCORE', p .. 'gaps', '-inf', read, 'LIMIT', 0, AT_ONCE)
  if passed[1] then call('ZREM', p .. 'gaps', unpack(passed)) end
end

local plain = redis.pcall('LLEN', KEYS[2])
return {type(plain) == 'number' and plain or 0, given}
