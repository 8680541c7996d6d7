-- Leases up to `room` points: first those whose lease has run out, when asked
-- to look for them, then those that nobody had. Answers with the order in
-- force, then id, point and count of each. The count is one more than the
-- deliveries that were begun: the first fetch makes it 1, and no other counts.
local points, control = KEYS[1], KEYS[2]
local group, worker, lease, room, look = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local order = redis.call('GET', control)
if order then
  return {order}
end
local out = {''}
if look == '1' then
  for _, p in ipairs(redis.call('XPENDING', points, group, 'IDLE', lease, '-', '+', room)) do
    local got = redis.call('XCLAIM', points, group, worker, 0, p[1], 'RETRYCOUNT', p[4])
    if got[1] then
      out[#out + 1], out[#out + 2], out[#out + 3] = got[1][1], got[1][2][2], tostring(p[4])
      room = room - 1
    end
  end
end
if room > 0 then
  local fresh = redis.call('XREADGROUP', 'GROUP', group, worker, 'COUNT', room, 'STREAMS', points, '>')
  if fresh then
    for _, m in ipairs(fresh[1][2]) do
      out[#out + 1], out[#out + 2], out[#out + 3] = m[1], m[2][2], '1'
    end
  end
end
return out
