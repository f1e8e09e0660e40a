// Where it is counted how much was used of rate limits: in this process's memory, or one day in a place that several
// processes share. Whoever counts keeps these laws: all windows of one call are taken or none; a refusal consumes
// nothing; `waitMs` is the least time after which the same call passes, if nobody else calls; what costs more than a
// whole window passes when the window is untouched, and is paid off afterwards.
import type { Clock } from '../../kernel/clock.ts'
import { advance, paceOf, waitFor } from './gcra.ts'

export interface RateWindow {
  /** Who is counted, and what: one name is always asked with one kind of window. */
  readonly name: string
  readonly most: number
  /** minute: a bucket of `most` that refills evenly · day: a count per UTC day. */
  readonly per: 'minute' | 'day'
}

export interface Take {
  readonly window: RateWindow
  readonly cost: number
}

export interface WindowState {
  /** Whole units that could be taken now. */
  readonly remaining: number
  /** Until nothing is taken any more. */
  readonly resetMs: number
}

export type TakeVerdict =
  /** One state for each take, after it. */
  | { readonly ok: true; readonly states: readonly WindowState[] }
  /** `index`: the window one waits for longest. */
  | { readonly ok: false; readonly index: number; readonly waitMs: number; readonly states: readonly WindowState[] }

export interface RateStore {
  take(takes: readonly Take[]): TakeVerdict | Promise<TakeVerdict>
  /**
   * Adds (or, below zero, gives back) to what was taken at a moment, epoch ms; never refused, and no answer to wait
   * for.
   */
  correct(takes: readonly Take[], takenAt: number): void
}

interface Count {
  day: number
  used: number
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

export interface MemoryRateStore extends RateStore {
  readonly size: number
}

// size: two kinds of windows, each with its question, its change and its bound; one memory.
export function createMemoryRateStore(options: { clock: Clock; max?: number }): MemoryRateStore {
  const { clock, max = 100_000 } = options
  const fullAt = new Map<string, number>()
  const counts = new Map<string, Count>()
  // No counter ever belongs to an earlier day than this one, wherever the wall clock jumps.
  let latestDay = 0

  function today(): number {
    latestDay = Math.max(latestDay, Math.floor(clock.now() / DAY_MS))
    return latestDay
  }

  function usedToday(name: string): number {
    const count = counts.get(name)
    return count && count.day === today() ? count.used : 0
  }

  function waitOf({ window: { name, most, per }, cost }: Take): number {
    // More than a whole window never fits: it waits for an untouched one.
    const needed = Math.min(cost, most)
    if (per === 'minute') return waitFor(paceOf(most, MINUTE_MS), fullAt.get(name), clock.monotonic(), needed)
    const used = usedToday(name)
    return used > 0 && used + needed > most ? untilMidnight() : 0
  }

  function untilMidnight(): number {
    return (today() + 1) * DAY_MS - clock.now()
  }

  function add({ window: { name, most, per }, cost }: Take): void {
    if (per === 'minute') {
      fullAt.set(name, advance(paceOf(most, MINUTE_MS), fullAt.get(name), clock.monotonic(), cost))
    } else {
      counts.set(name, { day: today(), used: Math.max(usedToday(name) + cost, 0) })
    }
  }

  function stateOf({ name, most, per }: RateWindow): WindowState {
    if (per === 'day') {
      const used = usedToday(name)
      return { remaining: Math.max(most - used, 0), resetMs: used === 0 ? 0 : untilMidnight() }
    }
    const untilFull = Math.max((fullAt.get(name) ?? 0) - clock.monotonic(), 0)
    // Rounded as waits are: sums of fractions must not hide a unit that fits.
    const left = most - (untilFull - 0.001) / paceOf(most, MINUTE_MS).intervalMs
    return { remaining: Math.min(Math.max(Math.floor(left), 0), most), resetMs: Math.ceil(untilFull) }
  }

  /** What is whole again goes first, then the longest known, down to nine tenths, so that the sweep is rare. */
  function makeRoom(): void {
    if (fullAt.size + counts.size <= max) return
    const now = clock.monotonic()
    for (const [name, full] of fullAt) if (full <= now) fullAt.delete(name)
    for (const [name, { day }] of counts) if (day < latestDay) counts.delete(name)
    for (const names of [fullAt, counts]) {
      for (const name of names.keys()) {
        if (fullAt.size + counts.size <= max * 0.9) return
        names.delete(name)
      }
    }
  }

  return {
    take(takes) {
      let index = -1
      let waitMs = 0
      for (const [at, take] of takes.entries()) {
        const wait = waitOf(take)
        if (wait > waitMs) [index, waitMs] = [at, wait]
      }
      if (index === -1) for (const take of takes) add(take)
      const states = takes.map(({ window }) => stateOf(window))
      makeRoom()
      return index === -1 ? { ok: true, states } : { ok: false, index, waitMs, states }
    },
    correct(takes, takenAt) {
      for (const take of takes) {
        if (take.window.per === 'day' && Math.floor(takenAt / DAY_MS) < today()) continue
        add(take)
      }
    },
    get size() {
      return fullAt.size + counts.size
    },
  }
}
