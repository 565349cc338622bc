-- ARGV: limits of tasks and bytes, 1 or -1 for the end of the list; text, name, time, session, lane,
-- key, payload, and a reason if it is a dead letter. KEYS[2]: the plain list.
-- An item is taken from the list and put in the queue, or neither. Answers with 1 when it was
-- taken, 0 when somebody else has, -1 when there is no room.
-- Out of memory, nothing is moved.
call('HINCRBY', p .. 'meta', 'last', 1)
local id, lane, key, payload, reason = ARGV[5], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local most_tasks, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
-- It was near that end; a long list is not searched for what is gone.
if not call('LPOS', KEYS[2], ARGV[4], 'RANK', ARGV[3], 'MAXLEN', 256) then return 0 end
call('LREM', KEYS[2], ARGV[3], ARGV[4])
local kept = put(id, ARGV[6], ARGV[7], lane, key, payload, most_tasks, most_bytes)
if kept[3] then
  -- Back to where it was.
  call(ARGV[3] == '1' and 'LPUSH' or 'RPUSH', KEYS[2], ARGV[4])
  return -1
end
if kept[2] == 1 and reason ~= '' then bury(id, 'waiting', reason) end
return 1
