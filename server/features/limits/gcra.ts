// The generic cell rate algorithm: a token bucket in one number per caller. The number is the moment at which the
// bucket would be full again; a caller may run ahead of time by at most `burst` requests.
// Times are monotonic, so a jump of the wall clock neither opens nor closes a bucket.
import type { Clock } from '../../kernel/clock.ts'

export interface Pace {
  /** Requests that may come at once. */
  readonly burst: number
  /** Milliseconds that earn one request back. */
  readonly intervalMs: number
}

export function paceOf(burst: number, perMs: number): Pace {
  return { burst, intervalMs: perMs / burst }
}

/**
 * Milliseconds until the next request of this cost fits; 0 means now. `fullAt` is undefined for a caller never seen.
 */
export function waitFor(pace: Pace, fullAt: number | undefined, now: number, cost = 1): number {
  if (fullAt === undefined || fullAt <= now) return 0
  // Rounded to a microsecond: sums of fractions must not turn an exact fit into a wait.
  const wait = fullAt + cost * pace.intervalMs - now - pace.burst * pace.intervalMs
  return wait > 0.001 ? wait : 0
}

/** The caller's number after one more request of this cost; below zero, after one was given back. */
export function advance(pace: Pace, fullAt: number | undefined, now: number, cost = 1): number {
  return Math.max(fullAt ?? now, now) + cost * pace.intervalMs
}

/** Many callers' numbers side by side, bounded: what is full again goes first, then the longest unused. */
export interface Buckets {
  /** Milliseconds until this caller's next attempt fits; 0 means now. */
  wait(pace: Pace, caller: string): number
  count(pace: Pace, caller: string): void
  /** Takes one attempt back. */
  giveBack(pace: Pace, caller: string): void
  forget(caller: string): void
  readonly size: number
}

/** `caller` names one pace of one caller: two paces of the same caller have two names. */
export function createBuckets({ clock, max = 50_000 }: { clock: Clock; max?: number | undefined }): Buckets {
  const fullAt = new Map<string, number>()

  function makeRoom(now: number): void {
    for (const [caller, full] of fullAt) if (full <= now) fullAt.delete(caller)
    for (const caller of fullAt.keys()) {
      if (fullAt.size <= max * 0.9) break
      fullAt.delete(caller)
    }
  }

  return {
    wait: (pace, caller) => waitFor(pace, fullAt.get(caller), clock.monotonic()),
    count(pace, caller) {
      const now = clock.monotonic()
      const before = fullAt.get(caller)
      fullAt.delete(caller)
      fullAt.set(caller, advance(pace, before, now))
      if (fullAt.size > max) makeRoom(now)
    },
    giveBack(pace, caller) {
      const full = fullAt.get(caller)
      if (full !== undefined) fullAt.set(caller, full - pace.intervalMs)
    },
    forget: (caller) => void fullAt.delete(caller),
    get size() {
      return fullAt.size
    },
  }
}
