// When each API key was last used, written in batches: a use costs one entry in memory, never a query.
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { ApiKeyStore } from './store.ts'

const FLUSH_MS = 30_000
const MAX_WAITING = 50_000

export interface LastUsed {
  touch(keyId: string): void
  flush(): Promise<void>
  /** Writes the rest and stops. */
  close(): Promise<void>
}

export function createLastUsed(options: { store: ApiKeyStore; clock: Clock; log?: Log; flushMs?: number }): LastUsed {
  const { store, clock, log, flushMs = FLUSH_MS } = options
  let waiting = new Map<string, number>()
  let flushing: Promise<void> | undefined

  async function write(): Promise<void> {
    const batch = waiting
    waiting = new Map()
    try {
      await store.markUsed(batch)
    } catch (error) {
      // The dates are a convenience: kept for the next round while there is room, never worth failing a request.
      for (const [id, at] of batch) {
        if (waiting.size >= MAX_WAITING) break
        if (!waiting.has(id)) waiting.set(id, at)
      }
      log?.warn(
        { keys: batch.size, reason: error instanceof Error ? error.message : String(error) },
        'Last use of API keys not written yet',
      )
    }
  }

  async function flush(): Promise<void> {
    await flushing
    if (waiting.size === 0) return
    flushing = write().finally(() => (flushing = undefined))
    await flushing
  }

  const timer = setInterval(() => void flush(), flushMs)
  timer.unref()

  return {
    touch(keyId) {
      if (waiting.size < MAX_WAITING || waiting.has(keyId)) waiting.set(keyId, clock.now())
    },
    flush,
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}
