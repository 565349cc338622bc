-- ARGV: limits of tasks and bytes; name, time, session, lane, key, payload.
local most_tasks, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
return put(ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], most_tasks, most_bytes)
