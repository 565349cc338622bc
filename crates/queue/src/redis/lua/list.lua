-- ARGV: state, `-` or `(` and a name, most.
local page = {}
for _, id in ipairs(call('ZRANGEBYLEX', p .. ARGV[1], ARGV[2], '+', 'LIMIT', 0, ARGV[3])) do
  page[#page + 1] = record(id)
end
return page
