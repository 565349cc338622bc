-- ARGV: state, `-` or `(` and a name, most.
local page = {}
for _, id in ipairs(call('ZRANGEBYLEX', p .. ARGV[1], ARGV[2], '+', 'LIMIT', 0, ARGV[3])) do
  local known = record(id)
  if known then page[#page + 1] = known end
end
return page
