-- Counts a delivery of a point whose lease is still the worker's; 0 says that
-- it is not.
local id = ARGV[3]
if not redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1] then
  return 0
end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', 0, 'RETRYCOUNT', ARGV[4], 'JUSTID')
return 1
