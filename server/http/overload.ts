// Notices that there is more to do than this process can, by how late its event loop is, and says which requests are
// one too many. A timer looks at the loop; a request only compares the time it was met at, which is known anyway.
// It begins when the loop was late twice with many requests at once and does not catch up: one long pause, and what it
// leaves behind, is none. Requests that are met late look as well: where a thousand connections are ready, Node reads
// them again and again before a timer runs, and the turn does not end. From then on each turn of the loop takes in what it can for a
// moment, and the rest is refused before the next turn; short turns also let in new connections soon, of which a turn
// takes one. It is over when the loop has had time to spare for a while.
import { performance } from 'node:perf_hooks'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'

export interface Overload {
  /** A new request that is met later than this, by the monotonic clock, may be one too many. */
  readonly asksAfter: number
  /**
   * Asked of one that was met then: is it refused? A few in each turn are not, so that a starved process refuses no
   * light traffic.
   */
  refuseOne(metAt: number): boolean
  readonly isOn: boolean
  readonly refused: number
  start(): void
  stop(): void
}

/** How often the loop is looked at while all is well. */
export const LOOK_MS = 20
/** From this on a turn of the loop is late. */
export const LATE_MS = 50
/**
 * And has more to do than it can, where it met so many requests: fewer clients that keep it busy just wait their turn.
 */
export const MANY = 200
/** After a turn that was later than this, another is no accident. */
const LATE_BEFORE_MS = 25
/** No burst keeps a turn busy with requests for so long. */
export const ENDLESS_MS = 100
/** A turn so much shorter than the one before it is a backlog that melts. */
const SHRINKING = 0.8
/** In each turn of an overloaded loop, what is met in this time is taken in. */
export const TAKEN_IN_MS = 4
/** And so many beyond. */
export const TAKEN_IN_LATE = 4
/** How long the loop must have had time to spare, and how much of it may be work then. */
const CALM_MS = 1_000
const CALM_SHARE = 0.8

export interface OverloadOptions {
  readonly clock: Clock
  readonly log: Log
  /** Requests met so far. */
  readonly readMet: () => number
  /** The share of work in the loop's time since the last call. */
  readonly readBusyShare?: () => number
}

export function createOverload({ clock, log, readMet, readBusyShare = createBusyShare() }: OverloadOptions): Overload {
  let timer: NodeJS.Timeout | undefined
  let [isOn, refused, refusedBefore] = [false, 0, 0]
  let [lookedAt, lastLate, metBefore, firstLate] = [0, 0, 0, Infinity]
  let [beganAt, measuredAt] = [0, 0]
  let asksAfter = Infinity
  let takenInLate = 0

  function restart(intervalMs: number): void {
    clearInterval(timer)
    timer = setInterval(look, intervalMs)
    timer.unref()
    lookedAt = clock.monotonic()
  }

  function look(): void {
    const now = clock.monotonic()
    if (isOn) {
      asksAfter = now + TAKEN_IN_MS
      takenInLate = 0
      if (now - measuredAt >= CALM_MS) {
        measuredAt = now
        if (readBusyShare() < CALM_SHARE) end(now)
      }
    } else {
      notice(now, now - lookedAt - LOOK_MS)
    }
    lookedAt = now
  }

  function notice(now: number, late: number): void {
    if (isTooMuch(late, nextTurn())) return begin(now, late)
    lastLate = late
    metBefore = readMet()
    firstLate = Infinity
    asksAfter = now + LOOK_MS + LATE_BEFORE_MS
  }

  /** By a request that was met late, before the turn is over. */
  function lookInTurn(metAt: number): void {
    const late = metAt - lookedAt - LOOK_MS
    firstLate = Math.min(firstLate, late)
    const limit = lastLate < LATE_BEFORE_MS ? endlessTurn() : nextTurn()
    if (isTooMuch(late, limit)) begin(metAt, late)
    else asksAfter = Math.max(metAt, lookedAt + LOOK_MS + limit)
  }

  const isTooMuch = (late: number, limit: number): boolean => late >= limit && readMet() - metBefore >= MANY

  /** How late is too late after a turn that was late. */
  const nextTurn = (): number => (lastLate < LATE_BEFORE_MS ? Infinity : Math.max(LATE_MS, lastLate * SHRINKING))

  /** And after one in time, where the first request was met late, after a pause perhaps. */
  const endlessTurn = (): number => firstLate + Math.max(ENDLESS_MS, firstLate * SHRINKING)

  function begin(now: number, late: number): void {
    isOn = true
    beganAt = measuredAt = now
    readBusyShare()
    refusedBefore = refused
    asksAfter = now + TAKEN_IN_MS
    takenInLate = 0
    log.warn({ late_ms: Math.round(late) }, 'overloaded: new requests are refused as far as there is no room for them')
    // Once in each turn.
    restart(1)
  }

  function end(now: number): void {
    isOn = false
    asksAfter = Infinity
    lastLate = 0
    metBefore = readMet()
    const seconds = Math.round((now - beganAt) / 1_000)
    log.warn({ refused: refused - refusedBefore, seconds }, 'no longer overloaded')
    restart(LOOK_MS)
  }

  return {
    get asksAfter() {
      return asksAfter
    },
    refuseOne(metAt) {
      if (!isOn) {
        lookInTurn(metAt)
        return false
      }
      if (metAt <= asksAfter || takenInLate++ < TAKEN_IN_LATE) return false
      refused++
      return true
    },
    get isOn() {
      return isOn
    },
    get refused() {
      return refused
    },
    start: () => restart(LOOK_MS),
    stop: () => clearInterval(timer),
  }
}

function createBusyShare(): () => number {
  let last = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    return utilization
  }
}
