local after, most, whole = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local last = tonumber(call('HGET', S, 'next') or 0)
local found = {}
-- Of those that were replaced the numbers are missing.
while after < last and #found < most do
  after = after + 1
  local info = call('HGET', S, 'i:' .. after)
  if info then
    local bodies = whole and call('HMGET', B, 'q:' .. after, 'a:' .. after) or {false, false}
    found[#found + 1] = {after, info, bodies[1], bodies[2]}
  end
end
return found
