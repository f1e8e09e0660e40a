// Deadlines of calls in progress, looked at twice a second by one timer for all of them: a stream of ten thousand
// events must not pay for a timer each. Times are monotonic, so a clock that jumps ends nothing.
import { createBag } from '../kernel/bag.ts'
import type { Clock } from '../kernel/clock.ts'

export interface Watched {
  /** Called about twice a second with the monotonic time. */
  checkTime(now: number): void
}

export interface Watch {
  /** Returns the place to remove it by, once. */
  add(watched: Watched): number
  remove(place: number): void
  stop(): void
  readonly size: number
}

const INTERVAL_MS = 500

export function createWatch({ clock, intervalMs = INTERVAL_MS }: { clock: Clock; intervalMs?: number }): Watch {
  const all = createBag<Watched>()
  let timer: NodeJS.Timeout | null = null

  function tick(): void {
    const now = clock.monotonic()
    for (const watched of all) watched.checkTime(now)
  }

  function stop(): void {
    if (timer) clearInterval(timer)
    timer = null
  }

  return {
    add(watched) {
      timer ??= setInterval(tick, intervalMs)
      return all.add(watched)
    },
    remove(place) {
      all.remove(place)
      if (all.size === 0) stop()
    },
    stop,
    get size() {
      return all.size
    },
  }
}

/** Limits on waiting, milliseconds. */
export interface Timers {
  /** First byte of a whole answer. */
  readonly firstByte: number
  /** Whole call, from dialling to the last byte. */
  readonly wholeCall: number
  /** Silence after which a keep-alive is sent. */
  readonly keepAlive: number
  /** A client that takes no byte for so long is let go. */
  readonly slowClient: number
  /** Replaces the providers' own limits on silence in a stream; for tests. */
  readonly streamSilence?: number
}

export const DEFAULT_TIMERS: Timers = {
  firstByte: 600_000,
  wholeCall: 1_800_000,
  keepAlive: 15_000,
  slowClient: 120_000,
}
