// What `npm run bench` can be asked for by name, and with what wishes.
import type { Target } from '../target.ts'

export interface Wishes {
  readonly targets: readonly Target[]
  /** null: as many as the measure takes by itself. */
  readonly rounds: number | null
  readonly windowMs: number
  /** Requests a second at which latency is measured. */
  readonly perSecond: number
  /** Where Portkey's gateway is installed; null for not at all. */
  readonly portkeyFolder: string | null
  readonly keep: boolean
  readonly profileFolder: string | null
  /** Into the terminal, beside the results. */
  readonly say: (line: string) => void
  readonly print: (text: string) => void
}

export interface Measure {
  readonly id: string
  readonly summary: string
  /** Returns the path of the result. */
  run(wishes: Wishes): Promise<string>
}

/** A server runs for weeks: what the compiler does in its first thousands of requests is no part of what one costs. */
export const WARM_UP_MS = 8_000

/** Those that can run, after a word on those that cannot. */
export function keepAble<One>(
  all: readonly One[],
  findObstacle: (one: One) => string | null,
  { id, say }: { id: string; say: (line: string) => void },
): One[] {
  return all.filter((one) => {
    const obstacle = findObstacle(one)
    if (obstacle !== null) say(`${obstacle}: ${id} runs without it`)
    return obstacle === null
  })
}
