-- Renews the leases that are still the worker's. Answers with the order in
-- force, then the ids that are not.
local out = {redis.call('GET', KEYS[2]) or ''}
for i = 3, #ARGV do
  local id = ARGV[i]
  local mine = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if mine then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', 0, 'RETRYCOUNT', mine[4], 'JUSTID')
  else
    out[#out + 1] = id
  end
end
return out
