// Rate limits that several instances share through Redis. While Redis does not answer each instance counts for itself.
// Invariants: one place decides a call, and what the call used in the end is told to the same place; a call waits for
// Redis a tenth of a second at most, and those after it not at all (database/redis.ts).
import { type Redis, RedisAway } from '../../database/redis.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { RateStore, Take, TakeVerdict } from './rate-store.ts'
import { RATE_SCRIPT } from './redis-rate-script.ts'

export interface SharedRateStore extends RateStore {
  /** Calls that were decided here because Redis did not answer, since the start. */
  readonly decidedHere: number
}

const PREFIX = 'uniroute:rate:'
/** Switches between the two places that are remembered: enough for answers that run for half an hour. */
const MOST_SWITCHES = 100

export function createSharedRateStore(options: {
  redis: Pick<Redis, 'isUp' | 'run'>
  /** Where it is counted meanwhile. */
  local: RateStore
  clock: Clock
  /** Epoch ms, for tests that move time; otherwise Redis's own clock counts. */
  readNow?: () => number
}): SharedRateStore {
  const { redis, local, clock, readNow } = options
  const switches: { at: number; isHere: boolean }[] = []
  let decidedHere = 0

  function ask(takes: readonly Take[], takenAt: number | null): Promise<unknown> {
    const now = readNow ? String(readNow()) : ''
    const args = takes.flatMap(({ window, cost }) => [window.per, String(window.most), String(cost)])
    const keys = takes.map(({ window }) => PREFIX + window.name)
    return redis.run(RATE_SCRIPT, keys, [now, takenAt === null ? '' : String(takenAt), ...args])
  }

  /** `askedAt`: when the call was made that found it out. Those that were under way with it went the same way. */
  function note(isHere: boolean, askedAt: number): void {
    const last = switches.at(-1)
    if ((last?.isHere ?? false) === isHere) return
    switches.push({ at: Math.max(askedAt, last?.at ?? askedAt), isHere })
    if (switches.length > MOST_SWITCHES) switches.shift()
  }

  /** Where a call that was taken at this moment was counted. */
  function wasHere(takenAt: number): boolean {
    return switches.findLast(({ at }) => at <= takenAt)?.isHere ?? false
  }

  function takeHere(takes: readonly Take[], askedAt: number): TakeVerdict | Promise<TakeVerdict> {
    note(true, askedAt)
    decidedHere++
    return local.take(takes)
  }

  return {
    take(takes) {
      const askedAt = clock.now()
      if (!redis.isUp) return takeHere(takes, askedAt)
      return ask(takes, null).then(
        (answer) => {
          note(false, askedAt)
          return readVerdict(answer as readonly string[])
        },
        (error: unknown) => {
          if (error instanceof RedisAway) return takeHere(takes, askedAt)
          throw error
        },
      )
    },
    correct(takes, takenAt) {
      if (wasHere(takenAt)) return local.correct(takes, takenAt)
      // What cannot be told now is not told later: a bucket refills in a minute, and a day's count keeps the estimate.
      void ask(takes, takenAt).catch((error: unknown) => {
        if (!(error instanceof RedisAway)) throw error
      })
    },
    get decidedHere() {
      return decidedHere
    },
  }
}

function readVerdict([index, wait, ...numbers]: readonly string[]): TakeVerdict {
  const states = Array.from({ length: numbers.length / 2 }, (_, at) => ({
    remaining: Number(numbers[2 * at]),
    resetMs: Number(numbers[2 * at + 1]),
  }))
  if (index === '-1') return { ok: true, states }
  return { ok: false, index: Number(index), waitMs: Number(wait), states }
}
