-- Says that members are alive and counts who else is.
-- KEYS[i]  sorted set of one group: member -> time last seen, ms on the store's clock
-- ARGV[1]  a member not seen for this long is dead, ms
-- ARGV     then for each key: the number of members, and the members
-- Returns  live members of each key. Every key gets a TTL.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local live = tonumber(ARGV[1])
local counts = {}
local next = 2
for index, key in ipairs(KEYS) do
  local members = tonumber(ARGV[next])
  for offset = 1, members do
    redis.call('ZADD', key, now, ARGV[next + offset])
  end
  next = next + members + 1
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - live)
  redis.call('ZREMRANGEBYSCORE', key, '(' .. (now + live), '+inf')
  redis.call('PEXPIRE', key, 2 * live)
  counts[index] = redis.call('ZCARD', key)
end
return counts
