-- Sessions whose last record was made by then, with how many there are of them; and takes them off
-- the lists.
if #ARGV == 1 then
  return call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[1], 'LIMIT', 0, 64)
end
local last = call('HGET', S, 'last')
-- One may have come meanwhile.
if last and tonumber(last) > tonumber(ARGV[1]) then
  call('ZADD', KEYS[4], last, ARGV[2])
  return 0
end
local removed = tonumber(call('HGET', S, 'records') or 0)
call('UNLINK', S, B)
call('ZREM', KEYS[3], ARGV[2])
call('ZREM', KEYS[4], ARGV[2])
return removed
