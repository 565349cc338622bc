-- ARGV: name, token, time.
if not holds(ARGV[1], ARGV[2]) then return 0 end
call('ZADD', p .. 'leases', now + ARGV[3], ARGV[1])
return 1
