// Says now and then, and at the end, how long the audit log is and what its last hash is. Kept elsewhere (a log
// server), such a line proves later that nothing before it was changed or cut off.
import type { Log } from '../../kernel/log.ts'
import type { AuditReader } from './audit-reader.ts'

const HOUR_MS = 3_600_000

export interface AuditCheckpoints {
  start(): void
  /** The last one. */
  close(): Promise<void>
}

export function createAuditCheckpoints(options: {
  reader: Pick<AuditReader, 'readHead'>
  log: Log
  everyMs?: number
}): AuditCheckpoints {
  const { reader, log, everyMs = HOUR_MS } = options
  let timer: NodeJS.Timeout | undefined

  async function say(): Promise<void> {
    try {
      const head = await reader.readHead()
      if (head !== undefined) log.info(head, 'audit checkpoint')
    } catch (error) {
      log.warn({ err: error }, 'the audit log could not be read for a checkpoint')
    }
  }

  return {
    start() {
      timer = setInterval(() => void say(), everyMs).unref()
    },
    async close() {
      clearInterval(timer)
      await say()
    },
  }
}
