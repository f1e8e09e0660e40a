// Makes deleted ciphertext disappear from SQLite's files, not only from its tables: the write-ahead log still holds the
// old pages, and can be emptied only while nobody reads an older state. So it is tried again each second until it
// works, and only then does the audit log say so. PostgreSQL promises no physical erasure, so nothing is claimed there.
import type { Database } from '../../database/database.ts'
import type { Log } from '../../kernel/log.ts'
import type { Audit, AuditEntry } from '../audit/audit.ts'

const RETRY_MS = 1_000

export interface Shredder {
  /** Tries at once, and again in the background; `entry` is recorded when it worked. */
  shred(entry?: AuditEntry): Promise<void>
  close(): Promise<void>
}

export function createShredder(options: { database: Database; audit: Audit; log: Log; retryMs?: number }): Shredder {
  const { database, audit, log, retryMs = RETRY_MS } = options
  let waiting: AuditEntry[] = []
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let closed = false

  /** Only what was deleted before an attempt began is gone after it. */
  async function attempt(): Promise<void> {
    const entries = waiting
    waiting = []
    let recorded = 0
    try {
      if (await database.shred()) {
        for (const entry of entries) {
          await audit.record(entry)
          recorded++
        }
        return
      }
    } catch (error) {
      log.warn({ err: error }, 'deleted keys could not be erased from the database files yet')
    }
    waiting = [...entries.slice(recorded), ...waiting]
    if (!closed) timer ??= setTimeout(again, retryMs).unref()
  }

  function again(): void {
    timer = undefined
    running = running.then(attempt)
  }

  return {
    async shred(entry) {
      if (database.kind !== 'sqlite') return
      if (entry) waiting.push(entry)
      running = running.then(attempt)
      await running
    },
    async close() {
      closed = true
      clearTimeout(timer)
      if (waiting.length > 0) running = running.then(attempt)
      await running
    },
  }
}
