-- Adds the points that are not queued yet; answers with the epoch of this data.
redis.call('SET', KEYS[3], ARGV[1], 'NX')
for i = 2, #ARGV do
  if redis.call('SADD', KEYS[2], ARGV[i]) == 1 then
    redis.call('XADD', KEYS[1], '*', 'point', ARGV[i])
  end
end
return redis.call('GET', KEYS[3])
