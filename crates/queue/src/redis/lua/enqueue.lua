-- ARGV: limits of tasks and bytes; name, time, session, key, payload.
return put(ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[1]), tonumber(ARGV[2]))
