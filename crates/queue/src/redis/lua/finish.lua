-- ARGV: name, token, result.
local id = ARGV[1]
local known = holds(id, ARGV[2])
if not known then return 0 end
leave(id, 'leased')
call('DEL', p .. 'payload:' .. id)
ended(id, 'done')
call('SET', p .. 'result:' .. id, ARGV[3])
count(-1, 0 - known[2])
move_up(id, known[1])
return 1
