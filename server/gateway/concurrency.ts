// How many requests of one caller this process answers at once. Each keeps a connection, a call to a provider and what
// was sent in memory, so that one API key does not take them all.
import { GatewayError } from '../kernel/errors.ts'

export interface Concurrency {
  /** Throws rate_limit_exceeded where so many are under way; otherwise `leave` must follow. */
  enter(keyId: string): void
  leave(keyId: string): void
}

/** Requests end at any moment, so a client that waits longer gains nothing. */
const RETRY_AFTER_SECONDS = 1

export function createConcurrency(mostPerKey: number): Concurrency {
  /** Callers with nothing under way are not in it. */
  const underWay = new Map<string, number>()
  return {
    enter(keyId) {
      const count = underWay.get(keyId) ?? 0
      if (count >= mostPerKey) {
        const message =
          `This UniRoute API key has ${count} requests under way at once, the most this server allows (API_KEY_CONCURRENCY). ` +
          'Wait until one has ended.'
        throw new GatewayError('rate_limit_exceeded', { message, retryAfter: RETRY_AFTER_SECONDS })
      }
      underWay.set(keyId, count + 1)
    },
    leave(keyId) {
      const count = underWay.get(keyId) ?? 0
      if (count > 1) underWay.set(keyId, count - 1)
      else underWay.delete(keyId)
    },
  }
}
