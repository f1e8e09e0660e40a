// What Redis keeps of open breakers, and how it is changed: one hash of all gates, `<open until> <length> <closed at>
// <probe until> <probe by>` by name (times are epoch ms of Redis's own clock, 0 = never), and a sorted set of how long
// each is kept. Invariants: at most `MOST` gates, the one that would go soonest goes first; both keys expire when
// nobody writes.
import { defineScript } from '../database/redis.ts'

const NOW = `
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`

/**
 * KEYS: the hash, the sorted set. ARGV: now (epoch ms, '' = Redis's clock), what, name, instance, length of the opening
 * (ms), how long ago the asker's gate opened (ms; for `claim`).
 *
 * `open`, `close`: 1 = done, 0 = it is open already, by whoever was first; what was under way before changes nothing of
 * it.
 * `claim`: `mine`; `open` with what is left and the length; `taken` with what is left of the other's probe; `closed`.
 * `release`: gives back one's own probe.
 */
export const GATE_SCRIPT = defineScript(`
local PROBE, KEPT, KEPT_CLOSED, MOST, EXPIRES = 60000, 600000, 60000, 1000, 900000
${NOW}
local what, name, self = ARGV[2], ARGV[3], ARGV[4]
local openMs, openedAgo = tonumber(ARGV[5]), tonumber(ARGV[6])

local function remove(names)
  if #names == 0 then return end
  redis.call('HDEL', KEYS[1], unpack(names))
  redis.call('ZREM', KEYS[2], unpack(names))
end

local function write(untilAt, length, closedAt, probeUntil, probeBy, keptUntil)
  local value = string.format('%.0f %.0f %.0f %.0f %s', untilAt, length, closedAt, probeUntil, probeBy)
  redis.call('HSET', KEYS[1], name, value)
  redis.call('ZADD', KEYS[2], string.format('%.0f', keptUntil), name)
  remove(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100))
  if redis.call('ZCARD', KEYS[2]) > MOST then remove(redis.call('ZRANGE', KEYS[2], 0, 0)) end
  redis.call('PEXPIRE', KEYS[1], EXPIRES)
  redis.call('PEXPIRE', KEYS[2], EXPIRES)
end

local untilAt, length, closedAt, probeUntil, probeBy =
  string.match(redis.call('HGET', KEYS[1], name) or '', '^(%d+) (%d+) (%d+) (%d+) (%S+)$')
untilAt, length, closedAt = tonumber(untilAt), tonumber(length), tonumber(closedAt)
probeUntil = tonumber(probeUntil)
local isKnown = untilAt ~= nil and closedAt == 0
local isOpen = isKnown and untilAt > now

if what == 'open' then
  if isOpen then return 0 end
  write(now + openMs, openMs, 0, 0, '-', now + openMs + KEPT)
  return 1
end
if what == 'close' then
  if isOpen then return 0 end
  write(now, 0, now, 0, '-', now + KEPT_CLOSED)
  return 1
end
if what == 'release' then
  if isKnown and probeBy == self and probeUntil > now then
    write(untilAt, length, 0, 0, '-', math.max(untilAt, now) + KEPT)
  end
  return 1
end
if isOpen then return { 'open', untilAt - now, length } end
if isKnown then
  -- One's own is none that one knows of any more: its answer, or the word of its end, was lost.
  if probeUntil > now and probeBy ~= self then return { 'taken', probeUntil - now, 0 } end
  openMs = length
elseif closedAt and now - closedAt < openedAgo then
  return { 'closed', 0, 0 }
end
write(isKnown and untilAt or now, openMs, 0, now + PROBE, self, now + KEPT)
return { 'mine', 0, 0 }
`)

/** KEYS: the hash. ARGV: now. Answers now and the hash. */
export const LIST_SCRIPT = defineScript(`
${NOW}
return { string.format('%.0f', now), redis.call('HGETALL', KEYS[1]) }
`)

/** KEYS: one of the gate's own. ARGV: now, how long it is taken (ms). Answers what is to be waited (ms); 0 = taken. */
export const TURN_SCRIPT = defineScript(`
${NOW}
local length = tonumber(ARGV[2])
local takenAt = tonumber(redis.call('GET', KEYS[1]) or '')
if takenAt and now >= takenAt and now - takenAt < length then return takenAt + length - now end
redis.call('SET', KEYS[1], string.format('%.0f', now), 'PX', length)
return 0
`)
