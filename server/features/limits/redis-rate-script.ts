// The laws of rate-store.ts, carried out by Redis: one script takes all windows of a call or none, by Redis's own
// clock. A window is one key, `<a> <b>`: per minute how far ahead of time its caller is (ms) and when that was (epoch
// ms); per day which day (since the epoch) and how much was used. What is untouched again has no key.
// A clock that jumps back neither opens nor closes a window: time never runs backwards between two looks at one key.
import { defineScript } from '../../database/redis.ts'

/**
 * KEYS: the windows. ARGV: now (epoch ms, '' = Redis's clock), the moment to correct ('' = take), then for each window
 * `minute` or `day`, most, cost. Answers the index of the window one waits for longest (-1: taken), the wait, and for
 * each window what remains and the milliseconds until nothing is taken. Numbers are texts: Redis cuts fractions off.
 */
export const RATE_SCRIPT = defineScript(`
local MINUTE, DAY = 60000, 86400000
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
end
local takenAt = tonumber(ARGV[2])
local windows = {}
local index, longest = -1, 0

local function read(at)
  local key, most, cost = KEYS[at], tonumber(ARGV[3 * at + 1]), tonumber(ARGV[3 * at + 2])
  local a, b = string.match(redis.call('GET', key) or '', '^(%S+) (%S+)$')
  a, b = tonumber(a), tonumber(b)
  if ARGV[3 * at] == 'minute' then
    local ahead = 0
    if a and b then ahead = math.max(a - math.max(now - b, 0), 0) end
    return { key = key, most = most, cost = cost, isMinute = true, each = MINUTE / most, ahead = ahead }
  end
  local day, used = math.floor(now / DAY), 0
  if a and b and a >= day then day, used = a, b end
  return { key = key, most = most, cost = cost, day = day, used = used }
end

local function waitOf(window)
  local needed = math.min(window.cost, window.most)
  if window.isMinute then
    if window.ahead <= 0 then return 0 end
    local wait = window.ahead + needed * window.each - window.most * window.each
    if wait > 0.001 then return wait end
    return 0
  end
  if window.used > 0 and window.used + needed > window.most then return (window.day + 1) * DAY - now end
  return 0
end

local function write(window, a, b, keptMs)
  if keptMs == nil then return redis.call('DEL', window.key) end
  redis.call('SET', window.key, string.format('%.17g %.17g', a, b), 'PX', math.max(math.ceil(keptMs), 1))
end

local function add(window)
  if window.isMinute then
    window.ahead = math.max(window.ahead + window.cost * window.each, 0)
    write(window, window.ahead, now, window.ahead > 0 and window.ahead + 1000 or nil)
    return
  end
  if takenAt and math.floor(takenAt / DAY) < window.day then return end
  window.used = math.max(window.used + window.cost, 0)
  write(window, window.day, window.used, window.used > 0 and (window.day + 1) * DAY - now + 60000 or nil)
end

for at = 1, #KEYS do
  windows[at] = read(at)
  local wait = waitOf(windows[at])
  if wait > longest then index, longest = at - 1, wait end
end
local answer = {}
if takenAt then index = -1 end
if index == -1 then
  for _, window in ipairs(windows) do add(window) end
end
answer[1], answer[2] = tostring(index), string.format('%.17g', longest)
for _, window in ipairs(windows) do
  local remaining, reset
  if window.isMinute then
    remaining = math.max(math.min(math.floor(window.most - (window.ahead - 0.001) / window.each), window.most), 0)
    reset = math.ceil(window.ahead)
  else
    remaining = math.max(window.most - window.used, 0)
    reset = window.used == 0 and 0 or (window.day + 1) * DAY - now
  end
  answer[#answer + 1] = string.format('%.17g', remaining)
  answer[#answer + 1] = string.format('%.17g', reset)
end
return answer
`)
