-- ARGV: `head` or `tail`, most, most bytes. KEYS[2]: the plain list.
-- Answers with the item at the other end, if it is none of those at this end, and with these.
local from_head, most, room = ARGV[1] == 'head', tonumber(ARGV[2]), tonumber(ARGV[3])
local length = redis.call('LLEN', KEYS[2])
local items = {}
while #items < most and #items < length and room > 0 do
  local item = redis.call('LINDEX', KEYS[2], from_head and #items or -1 - #items)
  items[#items + 1] = item
  room = room - #item
end
local other = #items < length and redis.call('LINDEX', KEYS[2], from_head and -1 or 0)
return {other, items}
