local removed = call('HGET', S, 'records')
call('UNLINK', S, B)
call('ZREM', KEYS[3], ARGV[1])
call('ZREM', KEYS[4], ARGV[1])
return removed and 1 or 0
