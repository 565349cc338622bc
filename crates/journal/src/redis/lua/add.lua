local given, step, at, digest, nth = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local id, time, again, replaces = ARGV[6], tonumber(ARGV[7]), ARGV[8] == '1', ARGV[9] == '1'
local most, most_bytes, life = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12]
local bytes, info, answer, request = tonumber(ARGV[13]), ARGV[14], ARGV[15], ARGV[16]

local same = at .. ':' .. digest
if again then nth = call('HGET', S, 'n:' .. same) or '0' end
local field = 'r:' .. same .. ':' .. nth
local there = call('HGET', S, field)
if there and not replaces then return {nth} end
local records = tonumber(call('HGET', S, 'records') or 0)
local total = tonumber(call('HGET', S, 'bytes') or 0)
local before = 0
if there then
  before = call('HSTRLEN', B, 'a:' .. there) + call('HSTRLEN', B, 'q:' .. there)
  records, total = records - 1, total - before
end
if records >= most then return {nth, 'records'} end
if total + bytes > most_bytes then return {nth, 'bytes'} end

if there then
  call('HDEL', S, 'i:' .. there)
  call('HDEL', B, 'a:' .. there, 'q:' .. there)
else
  call('HINCRBY', S, 'n:' .. same, 1)
end
local branch = tonumber(call('HGET', S, 'branch') or 0)
if changed(given, step, at, digest) then
  branch = branch + 1
  call('HSET', S, 'branch', branch, 'since', step)
end
if given == '1' then call('HSET', S, 'b:' .. at, branch) end
local number = call('HINCRBY', S, 'next', 1)
call('HSET', S, field, number, 'i:' .. number, branch .. ' ' .. nth .. ' ' .. info)
call('HSET', B, 'a:' .. number, answer)
if request then call('HSET', B, 'q:' .. number, request) end
call('HSETNX', S, 'first', time)
call('HSETNX', S, 'id', id)
local last = math.max(time, tonumber(call('HGET', S, 'last') or 0))
-- Not as Lua would write a number of so many digits.
call('HSET', S, 'records', records + 1, 'bytes', string.format('%.0f', total + bytes),
  'last', string.format('%.0f', last))
call('PEXPIRE', S, life)
call('PEXPIRE', B, life)
call('ZADD', KEYS[3], 0, id)
call('ZADD', KEYS[4], string.format('%.0f', last), id)
return {nth}
