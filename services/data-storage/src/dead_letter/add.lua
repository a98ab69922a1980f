-- Adds an entry unless the stream is full. Nothing is ever trimmed: who is refused knows it, and keeps the events.
-- KEYS: stream, pending, bytes. ARGV: most entries, most bytes, the events, their correlation ids; the last two are JSON.
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
local bytes = tonumber(redis.call('GET', KEYS[3]) or '0') + #ARGV[3]
if bytes > tonumber(ARGV[2]) then return 0 end
-- First, because it is what Redis refuses when it has no memory left: then nothing at all has changed.
redis.call('XADD', KEYS[1], '*', 'events', ARGV[3], 'correlation_ids', ARGV[4])
redis.call('SET', KEYS[3], string.format('%d', bytes))
for _, id in ipairs(cjson.decode(ARGV[4])) do redis.call('HINCRBY', KEYS[2], id, 1) end
return 1
