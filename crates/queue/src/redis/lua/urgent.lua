-- A server that is out of memory refuses what needs more, unless the script has written already:
-- whatever makes room in the end must go through. It follows on common.lua.
call('DEL', p .. 'nothing')
