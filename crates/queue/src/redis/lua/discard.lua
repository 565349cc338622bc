-- ARGV: name.
if call('HGET', p .. 'task:' .. ARGV[1], 'state') ~= 'dead' then return 0 end
return forget(ARGV[1]) and 1 or 0
