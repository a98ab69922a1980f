-- Takes entries out, and what was noted about them. An entry that is not there any more is passed over, so that two
-- instances may do the same.
-- KEYS: stream, pending, bytes, parked. ARGV: why they are parked (empty: they are done with), what of their events is
-- parked (empty: all), ids.
for i = 3, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if found then
    local fields, noted = found[2], {}
    for f = 1, #fields, 2 do noted[fields[f]] = fields[f + 1] end
    if ARGV[1] ~= '' then
      for f = 1, #fields, 2 do
        if fields[f] == 'events' and ARGV[2] ~= '' then fields[f + 1] = ARGV[2] end
      end
      redis.call('XADD', KEYS[4], '*', 'entry', ARGV[i], 'reason', ARGV[1], unpack(fields))
    end
    redis.call('XDEL', KEYS[1], ARGV[i])
    local readable, ids = pcall(cjson.decode, noted['correlation_ids'])
    -- What has no such field was not written by add.lua, and was never counted.
    if readable and type(ids) == 'table' then
      redis.call('DECRBY', KEYS[3], #(noted['events'] or ''))
      for _, id in ipairs(ids) do
        if redis.call('HINCRBY', KEYS[2], id, -1) <= 0 then redis.call('HDEL', KEYS[2], id) end
      end
    end
  end
end
-- Whatever became of the notes meanwhile (a person deleted entries by hand): of nothing, nothing is noted.
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[2], KEYS[3]) end
return redis.status_reply('OK')
