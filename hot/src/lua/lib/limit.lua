-- Counts as many more as are wanted and may come: so many at once, and as many over a period. GCRA,
-- the generic cell rate algorithm in its virtual scheduling form (ATM Forum, Traffic Management
-- Specification 4.0, af-tm-0056.000, section 4.4.2; ITU-T I.371, annex A). All that is kept is when
-- the next one would be due at an even pace. Times are whole microseconds, so that exactly `most`
-- fit.
-- returns how many are allowed, how many more may come now, seconds until one more may
local function count(key, most, period, wanted)
  local now = micros()
  local interval = math.floor(period / most)
  local room = interval * most
  -- Neither a clock that was set back nor a limit that was set lower keeps a user out for longer
  -- than a period.
  local due = math.min(math.max(tonumber(redis.call('GET', key) or now), now), now + room)
  local free = now + room - due
  local allowed = math.min(wanted, math.floor(free / interval))
  if allowed > 0 then
    free = free - allowed * interval
    -- A mark that may be lost is neither written to the AOF nor replicated: no request waits for a
    -- disk because of it, and no file grows.
    redis.set_repl(redis.REPL_NONE)
    -- The mark stays for a period although it is void sooner: a user who goes on asking renews it,
    -- and Redis need not expire it, and tell of it, between any two.
    redis.call('SET', key, text(due + allowed * interval), 'PX', math.ceil(period / 1000))
  end
  local left = math.floor(free / interval)
  return allowed, left, math.ceil(((left + 1) * interval - free) / 1000000)
end

-- Charges units that were used already, and so are never refused: who owes more than there is waits
-- until it is paid off at the even pace, for two periods at most.
-- returns allowed (1 or 0): whether anything is left; how much is left; seconds until something is
local function charge(key, most, period, units)
  local now = micros()
  local interval = math.floor(period / most)
  local room = interval * most
  local due = math.max(tonumber(redis.call('GET', key) or now), now)
  due = math.min(due + units * interval, now + 2 * room)
  if units > 0 then
    redis.set_repl(redis.REPL_NONE)
    redis.call('SET', key, text(due), 'PX', math.ceil(period / 500))
  end
  local free = now + room - due
  return free > 0 and 1 or 0, math.max(math.floor(free / interval), 0),
    math.max(math.ceil((interval - free) / 1000000), 0)
end
