// The generic cell rate algorithm: a token bucket in one number per caller. The number is the moment at which the
// bucket would be full again; a caller may run ahead of time by at most `burst` requests.
// Times are monotonic, so a jump of the wall clock neither opens nor closes a bucket.

export interface Pace {
  /** Requests that may come at once. */
  readonly burst: number
  /** Milliseconds that earn one request back. */
  readonly intervalMs: number
}

export function paceOf(burst: number, perMs: number): Pace {
  return { burst, intervalMs: perMs / burst }
}

/** Milliseconds until the next request fits; 0 means now. `fullAt` is undefined for a caller never seen. */
export function waitFor(pace: Pace, fullAt: number | undefined, now: number): number {
  if (fullAt === undefined || fullAt <= now) return 0
  // Rounded to a microsecond: sums of fractions must not turn an exact fit into a wait.
  const wait = fullAt + pace.intervalMs - now - pace.burst * pace.intervalMs
  return wait > 0.001 ? wait : 0
}

/** The caller's number after one more request. */
export function advance(pace: Pace, fullAt: number | undefined, now: number): number {
  return Math.max(fullAt ?? now, now) + pace.intervalMs
}
