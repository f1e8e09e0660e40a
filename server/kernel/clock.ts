// Time, handed in so that tests can move it. Wall time dates rows; monotonic time measures durations and timers.

export interface Clock {
  /** Wall time, milliseconds since the epoch. */
  now(): number
  /** Milliseconds from an arbitrary start that never jump. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
