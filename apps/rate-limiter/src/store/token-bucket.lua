-- Decides a batch of checks, each all or nothing, in order of arrival (limiter/B1 to B11).
-- The same algorithm, number for number, is libs/rate-limit/src/{limit-shape,bucket,memory-bucket-store}.ts.
--
-- KEYS     the distinct bucket keys of the batch.
-- ARGV[1]  '' = Redis TIME; tests alone pass a time in microseconds, and then keys outlive their TTL by an hour,
--          so that the injected clock and not the real one decides what has expired.
-- ARGV[2]  what is asked of limits, one line per distinct (limit, cost), 8 integers each:
--          grains asked (-1 = never fits), shadow (0/1), rate, per in ms, burst, step k of the multiplier k/20,
--          tick in microseconds, grains per token.
-- ARGV[3]  the checks. One character for each: its number of calls, + 32 if it is denied whatever the levels;
--          then four per call: index of its key and of its line above, two digits to base 64 each.
--          A digit d is written as the character of code 48 + d; indexes start at 0.
-- Answer   the time in microseconds; then for each check the sum of 2^i over its calls that fit, and for each call
--          the level after the decision in grains and its stamp minus now in microseconds.
--
-- A bucket is a string of 33 bytes: level and stamp (microseconds) as doubles, then the limit it was written under:
-- rate (4 bytes), per in ms (6), burst (6), step (1). All integers are below 2^53, so doubles hold them exactly.
-- Time is counted in whole ticks; what is left of a tick stays in the stamp.

local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local byte, sub, format, pack, unpack_struct = string.byte, string.sub, string.format, struct.pack, struct.unpack
local call = redis.call
local WAIT_MAX = 3155760000000000 -- 100 years, in microseconds
local CLOCK_BACK_MAX = 1000000
local AFTER_FULL = 1000000

local now
local extra_ttl = 0
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = tonumber(ARGV[1])
  extra_ttl = 3600000
end

local function to_limit(rate, per, burst, step, tick, token)
  local effective = max(1, floor(burst * step / 20))
  return {
    rate = rate, per = per, step = step, tick = tick, token = token,
    -- grains per tick: step * rate / gcd, and token = 20 * ticks per period / gcd
    gain = step * (rate / (20 * per * 1000 / tick / token)),
    burst = effective, full = effective * token,
    packed = pack('<I4I6I6I1', rate, per, burst, step),
  }
end

-- The limit a bucket was written under: the finest tick whose numbers stay exact, as buildLimitShape does.
local function compile(rate, per, burst, step)
  local tick = 1
  while true do
    local periods = 20 * per * 1000 / tick
    local x, y = periods, rate
    while y ~= 0 do x, y = y, x % y end
    local token = periods / x
    if 1.5 * burst * token < 9007199254740992 then return to_limit(rate, per, burst, step, tick, token) end
    tick = tick * 10
  end
end

-- Sign of a/b - c/d, by continued fractions, since the cross products may not be exact.
local function compare(a, b, c, d)
  local sign = 1
  while true do
    local p, q = floor(a / b), floor(c / d)
    if p ~= q then return p < q and -sign or sign end
    local r, s = a - p * b, c - q * d
    if r == 0 or s == 0 then
      if r == s then return 0 end
      return r == 0 and -sign or sign
    end
    a, b, c, d = b, r, d, s
    sign = -sign
  end
end

-- floor(level * to / from), exact although the product may not be.
local function rescale(level, from, to)
  local whole = floor(level / from)
  local rest = level - whole * from
  local quotient, remainder = 0, 0
  local bit = 4503599627370496
  while bit >= 1 do
    quotient = quotient * 2
    remainder = remainder * 2
    if remainder >= from then
      quotient = quotient + 1
      remainder = remainder - from
    end
    if floor(to / bit) % 2 == 1 then
      if remainder >= from - rest then
        quotient = quotient + 1
        remainder = remainder - (from - rest)
      else
        remainder = remainder + rest
      end
    end
    bit = bit / 2
  end
  return whole * to + quotient
end

local levels, stamps, limits = {}, {}, {} -- by index of the key: its bucket as of now
local changed = {} -- must be stored

local function refill(i, limit, cap)
  local elapsed = now - stamps[i]
  if elapsed < 0 then return end
  local ticks = floor(elapsed / limit.tick)
  if ticks * limit.gain >= cap - levels[i] then
    levels[i] = cap
    stamps[i] = now
  else
    levels[i] = levels[i] + ticks * limit.gain
    stamps[i] = stamps[i] + ticks * limit.tick
  end
end

-- Time since the stamp counts at the lower of both rates and under the smaller burst.
local function change_limit(i, old, limit)
  if compare(old.step * old.rate, old.per, limit.step * limit.rate, limit.per) <= 0 then refill(i, old, old.full) end
  levels[i] = rescale(levels[i], old.token, limit.token)
  local cap = min(old.burst, limit.burst) * limit.token
  -- All the time since the stamp at the new rate, or what is left of an old tick, which counts in the new ones.
  refill(i, limit, cap)
  if levels[i] >= cap then
    levels[i] = cap
    stamps[i] = max(stamps[i], now)
  end
  changed[i] = true
end

local function full_at(level, stamp, limit)
  if level >= limit.full then return stamp end
  return stamp + min(ceil((limit.full - level) / limit.gain) * limit.tick, WAIT_MAX)
end

local function fill(i, limit)
  levels[i], stamps[i] = limit.full, now
end

-- #KEYS is at most 1,024: well within what unpack can put on the stack.
local stored = #KEYS > 0 and redis.call('MGET', unpack(KEYS)) or {}

local function load(i, limit)
  local value = stored[i]
  limits[i] = limit
  if not value then return fill(i, limit) end
  local level, stamp = unpack_struct('<dd', value)
  local old = limit
  if sub(value, 17) ~= limit.packed then
    old = compile(unpack_struct('<I4I6I6I1', value, 17))
  elseif now >= stamp then
    -- The usual case, shortened: an expired bucket has refilled to full as well.
    levels[i], stamps[i] = level, stamp
    return refill(i, limit, limit.full)
  end
  if now >= full_at(level, stamp, old) + AFTER_FULL then return fill(i, limit) end
  levels[i], stamps[i] = level, stamp
  if stamp - now > CLOCK_BACK_MAX then
    stamps[i] = now
    changed[i] = true
  end
  if old == limit then refill(i, limit, limit.full) else change_limit(i, old, limit) end
end

-- A check may meet a bucket that an earlier check of this batch loaded under another limit (two versions of the
-- configuration meet): what was not to be stored is loaded afresh, as if the calls had come one by one.
local function bring_up_to_date(i, limit)
  local old = limits[i]
  if old and old.packed == limit.packed then return end
  if not changed[i] then return load(i, limit) end
  change_limit(i, old, limit)
  limits[i] = limit
end

local asks = {}
for need, shadow, rate, per, burst, step, tick, token in
  string.gmatch(ARGV[2], '(%-?%d+) (%d) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)') do
  asks[#asks + 1] = {
    need = tonumber(need), is_shadow = shadow == '1',
    limit = to_limit(tonumber(rate), tonumber(per), tonumber(burst), tonumber(step), tonumber(tick), tonumber(token)),
  }
end

local answer, size = { now }, 1
local checks, at, last = ARGV[3], 1, #ARGV[3]
local keys_of, taken = {}, {} -- of the check being decided, by its calls
while at <= last do
  local count = byte(checks, at) - 48
  at = at + 1
  local allowed = true
  if count >= 32 then
    allowed = false
    count = count - 32
  end
  local fits, bit = 0, 1
  for c = 1, count do
    local k, l, m, n = byte(checks, at, at + 3)
    at = at + 4
    local i, ask = (k - 48) * 64 + l - 47, asks[(m - 48) * 64 + n - 47]
    if limits[i] ~= ask.limit then bring_up_to_date(i, ask.limit) end
    keys_of[c] = i
    local need = ask.need
    if need >= 0 and levels[i] >= need then
      levels[i] = levels[i] - need
      taken[c] = need
      fits = fits + bit
    else
      taken[c] = 0
      if not ask.is_shadow then allowed = false end
    end
    bit = bit * 2
  end
  size = size + 1
  answer[size] = fits
  for c = 1, count do
    local i = keys_of[c]
    if not allowed then
      levels[i] = levels[i] + taken[c]
    elseif taken[c] > 0 then
      changed[i] = true
    end
  end
  for c = 1, count do
    local i = keys_of[c]
    answer[size + 1] = levels[i]
    answer[size + 2] = stamps[i] - now
    size = size + 2
  end
end

for i in pairs(changed) do
  local level, stamp, limit = levels[i], stamps[i], limits[i]
  local ttl = ceil((full_at(level, stamp, limit) + AFTER_FULL - now) / 1000) + 1 + extra_ttl
  -- Written out here: redis.call writes numbers with 17 digits, which takes longer than the SET.
  call('SET', KEYS[i], pack('<dd', level, stamp) .. limit.packed, 'PX', format('%d', ttl))
end

return answer
