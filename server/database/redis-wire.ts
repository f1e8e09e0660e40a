// Publish and subscribe of Redis as a way between instances, faster than PostgreSQL's and independent of it.
import type { Wire } from '../kernel/wire.ts'
import { type Redis, RedisAway } from './redis.ts'

const CHANNEL = 'uniroute:changes'

export function createRedisWire(redis: Pick<Redis, 'send' | 'subscribe'>): Wire {
  return {
    send(message) {
      void redis.send(['PUBLISH', CHANNEL, message]).catch((error: unknown) => {
        // The connection has told of it, and the change is noticed without Redis.
        if (!(error instanceof RedisAway)) throw error
      })
    },
    hear: (listener) => redis.subscribe(CHANNEL, listener),
    // The connection is closed by whoever opened it.
    close: () => undefined,
  }
}
