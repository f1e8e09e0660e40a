// Failed sign-ins in the audit log, so that an administrator sees guessing. They are summed up per account and network
// and written once a minute, at most so many entries: whoever fails a thousand times writes one line, not a thousand.
// Invariant: no password and no whole e-mail address stands in an entry; what failed within the last minute before a
// crash is lost.
import type { Database } from '../../database/database.ts'
import type { Log } from '../../kernel/log.ts'
import type { Audit, AuditEntry } from '../audit/audit.ts'
import { networkOf } from './throttle.ts'

export interface FailedSignIn {
  readonly email: string
  readonly ip: string
  /** null where there is no such account, or nobody looked. */
  readonly userId: string | null
  /** Refused for its pace, before the password was looked at. */
  readonly throttled: boolean
}

export interface FailedSignIns {
  note(failure: FailedSignIn): void
  /** Writes what is still to be written. */
  flush(): Promise<void>
}

interface Sum {
  readonly email: string | null
  readonly ip: string | null
  userId: string | null
  attempts: number
  throttled: number
}

const INTERVAL_MS = 60_000
const MOST_SUMS = 100
const OTHERS = ''

export function createFailedSignIns(options: {
  database: Pick<Database, 'transaction'>
  audit: Pick<Audit, 'record'>
  log: Log
}): FailedSignIns {
  const { database, audit, log } = options
  let sums = new Map<string, Sum>()
  let timer: NodeJS.Timeout | undefined

  function add(name: string, fresh: Sum): void {
    // Beyond so many they are counted together.
    const kept = sums.has(name) || sums.size < MOST_SUMS ? name : OTHERS
    const sum = sums.get(kept)
    if (sum) {
      sum.userId ??= fresh.userId
      sum.attempts += fresh.attempts
      sum.throttled += fresh.throttled
    } else sums.set(kept, kept === OTHERS ? { ...fresh, email: null, ip: null, userId: null } : fresh)
    timer ??= setTimeout(() => void flush(), INTERVAL_MS).unref()
  }

  async function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    if (sums.size === 0) return
    const written = sums
    sums = new Map()
    try {
      await database.transaction(async (tx) => {
        for (const sum of written.values()) await audit.record(toEntry(sum), tx)
      })
    } catch (error) {
      log.warn({ err: error }, 'failed sign-ins could not be written to the audit log yet')
      for (const [name, sum] of written) add(name, sum)
    }
  }

  return {
    note({ email, ip, userId, throttled }) {
      add(`${networkOf(ip)} ${email}`, { email, ip, userId, attempts: 1, throttled: throttled ? 1 : 0 })
    },
    flush,
  }
}

function toEntry({ email, ip, userId, attempts, throttled }: Sum): AuditEntry {
  return {
    actorType: 'system',
    actorId: null,
    ip,
    action: 'sign-in.failed',
    targetType: userId === null ? null : 'user',
    targetId: userId,
    details: { email: email === null ? null : maskEmail(email), attempts, throttled },
  }
}

/** `a…@example.org`: enough to recognise an account one knows. */
function maskEmail(email: string): string {
  const at = email.lastIndexOf('@')
  return `${email.slice(0, 1)}…${email.slice(at)}`
}
