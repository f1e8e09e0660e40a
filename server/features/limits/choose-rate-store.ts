// Where an installation counts its rate limits: in Redis where there is one; else each instance for itself, its share
// where others use the same database.
import type { Database } from '../../database/database.ts'
import type { Redis } from '../../database/redis.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createRateShare } from './rate-share.ts'
import { createMemoryRateStore, type RateStore } from './rate-store.ts'
import { createSharedRateStore } from './shared-rate-store.ts'

export interface ChosenRateStore extends RateStore {
  /** Calls that this instance decided by its share because Redis did not answer, since the start. */
  readonly decidedHere: number
}

export function chooseRateStore(options: {
  database: Pick<Database, 'kind'>
  redis: Redis | null
  /** As counted for all workers of this machine; null where there is one. */
  primary: RateStore | null
  countInstances: () => number
  clock: Clock
}): ChosenRateStore {
  const { database, redis, primary, countInstances, clock } = options
  const memory = createMemoryRateStore({ clock })
  // SQLite has one machine, and a process that was killed a moment ago shares nothing any more.
  const local = database.kind === 'sqlite' ? (primary ?? memory) : createRateShare({ store: memory, countInstances })
  return redis ? createSharedRateStore({ redis, local, clock }) : { ...local, decidedHere: 0 }
}
