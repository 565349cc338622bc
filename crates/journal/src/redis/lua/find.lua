local given, step, at, digest, nth = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local number = call('HGET', S, 'r:' .. at .. ':' .. digest .. ':' .. nth)
if number then
  local bodies = call('HMGET', B, 'q:' .. number, 'a:' .. number)
  return {number, call('HGET', S, 'i:' .. number), bodies[1], bodies[2]}
end
return changed(given, step, at, digest) and 1 or 0
