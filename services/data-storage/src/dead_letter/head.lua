-- The oldest entries, as many as fit into a number and a size; the first always fits.
-- KEYS: stream. ARGV: most entries, most bytes.
local entries, bytes, from = {}, 0, '-'
while #entries < tonumber(ARGV[1]) do
  local found = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
  if not found then break end
  for _, field in ipairs(found[2]) do bytes = bytes + #field end
  if #entries > 0 and bytes > tonumber(ARGV[2]) then break end
  entries[#entries + 1] = found
  from = '(' .. found[1]
end
return entries
