-- ARGV: name, token, reason.
if not holds(ARGV[1], ARGV[2]) then return 0 end
bury(ARGV[1], 'leased', ARGV[3])
return 1
