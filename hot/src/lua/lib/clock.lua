-- Ticks and times. A tick never goes through tostring or cjson, which print 14 digits.
local function text(number) return string.format('%.0f', number) end

-- The time is asked for once: a script is done at one moment.
local moment
local function micros()
  if not moment then
    local time = redis.call('TIME')
    moment = time[1] * 1000000 + time[2]
  end
  return moment
end

local function millis() return math.floor(micros() / 1000) end

-- True when the API's clock and ours are a minute apart: one of them is wrong, and ticks would be
-- too.
local function skewed(theirs, ours) return math.abs(ours - theirs) > 60000000 end

-- Formats a tick as 2026-11-20T21:30:00.123Z; the date from the day's number as in Howard Hinnant's
-- "chrono-compatible low-level date algorithms".
local function rfc3339(tick)
  local ms = math.floor(tick / 1000)
  local seconds = math.floor(ms / 1000)
  local days = math.floor(seconds / 86400)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local leap_days = math.floor(doe / 1460) - math.floor(doe / 36524) + math.floor(doe / 146096)
  local yoe = math.floor((doe - leap_days) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local day = doy - math.floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  local rest = seconds - days * 86400
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
    math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60, ms - seconds * 1000)
end

-- Has a flusher look at the owner within `wait` ms, since it has something unsaved now. It does so
-- only once: the set is never empty again until `settle` finds it so. Owners that became dirty
-- together are not saved all at once: they are spread over the last quarter of the time.
local function becomes_dirty(dirty, due, id, wait)
  if redis.call('ZCARD', dirty) == 0 then
    local now = micros()
    local spread = math.floor(wait / 4 * (now % 97) / 97)
    redis.call('ZADD', due, 'LT', text(math.floor(now / 1000) + wait - spread), id)
  end
end

-- Keeps a chat warm; written only when half of its life is over.
local function stays_warm(token, ttl)
  if redis.call('PTTL', token) < ttl / 2 then redis.call('SET', token, '', 'PX', ttl) end
end
