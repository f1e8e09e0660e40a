// Repeatable randomness: a run prints its seed, and UNIROUTE_SEED repeats it.
import { randomInt } from 'node:crypto'

export interface Random {
  readonly seed: number
  /** From 0 up to, but without, the limit. */
  below(limit: number): number
  chance(probability: number): boolean
}

export function createRandom(seed = Number(process.env['UNIROUTE_SEED'] ?? randomInt(2 ** 31))): Random {
  let state = seed >>> 0
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, below: (limit) => Math.floor(next() * limit), chance: (probability) => next() < probability }
}

/** Runs the work over all items, so many at a time. */
export async function runMany<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      await work(items[index]!, index)
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
}
