-- Takes a finished point out of the queue, and with a cause puts it among the
-- dead. A lease from before the data was lost finds nothing to take.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 1 then
  redis.call('SREM', KEYS[2], ARGV[3])
  if ARGV[4] then
    redis.call('XADD', KEYS[3], '*', 'point', ARGV[3], 'cause', ARGV[4])
  end
end
return 0
