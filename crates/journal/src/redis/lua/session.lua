if call('EXISTS', S) == 0 then return false end
return call('HMGET', S, 'id', 'first', 'last', 'records', 'bytes', 'branch', 'since')
