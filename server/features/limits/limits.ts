// How often an API key may call: a rate per minute and a count per UTC day, held in memory.
// Invariants: a refused request consumes nothing; a wall clock that jumps back does not give a day's count back;
// `retryAfterSeconds` is the least whole number of seconds after which the same request passes.
import type { Clock } from '../../kernel/clock.ts'
import { advance, paceOf, waitFor } from './gcra.ts'

export type LimitScope = 'minute' | 'day'
export type Admission =
  { readonly ok: true } | { readonly ok: false; readonly retryAfterSeconds: number; readonly scope: LimitScope }

export interface Limits {
  admit(keyId: string, limits: { perMinute: number | null; perDay: number | null }): Admission
  /** Forgets a key that was revoked. */
  forget(keyId: string): void
  readonly size: number
}

interface Usage {
  fullAt: number
  day: number
  today: number
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const ADMITTED: Admission = Object.freeze({ ok: true })

export function createLimits(options: { clock: Clock; max?: number }): Limits {
  const { clock, max = 100_000 } = options
  const usages = new Map<string, Usage>()
  // No counter ever belongs to an earlier day than this one, wherever the wall clock jumps.
  let latestDay = 0

  function makeRoom(now: number): void {
    for (const [keyId, usage] of usages) {
      if (usage.fullAt <= now && (usage.today === 0 || usage.day < latestDay)) usages.delete(keyId)
    }
    // Still full: the longest known go, down to nine tenths, so that the sweep is rare.
    for (const keyId of usages.keys()) {
      if (usages.size <= max * 0.9) break
      usages.delete(keyId)
    }
  }

  return {
    admit(keyId, { perMinute, perDay }) {
      if (perMinute === null && perDay === null) return ADMITTED
      const now = clock.monotonic()
      const wall = clock.now()
      latestDay = Math.max(latestDay, Math.floor(wall / DAY_MS))

      let usage = usages.get(keyId)
      if (!usage) {
        if (usages.size >= max) makeRoom(now)
        usage = { fullAt: now, day: latestDay, today: 0 }
        usages.set(keyId, usage)
      }
      if (usage.day < latestDay) {
        usage.day = latestDay
        usage.today = 0
      }

      if (perDay !== null && usage.today >= perDay) {
        return { ok: false, retryAfterSeconds: secondsFor((usage.day + 1) * DAY_MS - wall), scope: 'day' }
      }
      if (perMinute !== null) {
        const pace = paceOf(perMinute, MINUTE_MS)
        const wait = waitFor(pace, usage.fullAt, now)
        if (wait > 0) return { ok: false, retryAfterSeconds: secondsFor(wait), scope: 'minute' }
        usage.fullAt = advance(pace, usage.fullAt, now)
      }
      if (perDay !== null) usage.today++
      return ADMITTED
    },
    forget(keyId) {
      usages.delete(keyId)
    },
    get size() {
      return usages.size
    },
  }
}

function secondsFor(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000))
}
