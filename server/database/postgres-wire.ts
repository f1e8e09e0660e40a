// LISTEN and NOTIFY of PostgreSQL as a way between instances. Listening has a connection of its own, for as long as the
// process runs: no transaction pooler may stand in front of it.
// A connection that is lost, or answers no longer, is made again; what was said meanwhile was not heard.
import pg from 'pg'
import { sql } from 'kysely'
import type { Log } from '../kernel/log.ts'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import type { Wire } from '../kernel/wire.ts'
import type { Database } from './database.ts'

const CHANNEL = 'uniroute_changes'
const CHECK_MS = 5_000
const RETRY_MS = 500
const LONGEST_RETRY_MS = 5_000

// size: one connection and its state, which nobody else may change.
export function createPostgresWire(options: { url: Secret; database: Pick<Database, 'query'>; log: Log }): Wire {
  const { url, database, log } = options
  const listeners: ((message: string) => void)[] = []
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let failures = 0
  let isClosed = false
  let isSilent = false

  function plan(work: () => Promise<void>, delayMs: number): void {
    if (!isClosed) timer = setTimeout(() => void work(), delayMs).unref()
  }

  async function connect(): Promise<void> {
    const own = new pg.Client({
      connectionString: revealSecret(url),
      application_name: 'uniroute changes',
      keepAlive: true,
      connectionTimeoutMillis: CHECK_MS,
      query_timeout: CHECK_MS,
    })
    client = own
    // Told by the query that fails; without a listener it would end the process.
    own.on('error', () => undefined)
    own.on('notification', ({ payload = '' }) => {
      for (const listener of listeners) listener(payload)
    })
    try {
      await own.connect()
      await own.query(`LISTEN ${CHANNEL}`)
      if (failures > 0) log.info('changes by other instances are heard through PostgreSQL again')
      failures = 0
      plan(check, CHECK_MS)
    } catch (error) {
      lose(own, error)
    }
  }

  async function check(): Promise<void> {
    const own = client
    if (!own) return
    try {
      await own.query('SELECT 1')
      plan(check, CHECK_MS)
    } catch (error) {
      lose(own, error)
    }
  }

  function lose(own: pg.Client, error: unknown): void {
    if (isClosed) return
    // Only the message: these error objects carry the client, and with it the password.
    if (failures === 0) {
      const message = error instanceof Error ? error.message : 'unknown'
      log.warn({ error: message }, 'changes by other instances are not heard through PostgreSQL now, and noticed later')
    }
    failures++
    void own.end().catch(() => undefined)
    plan(connect, Math.min(RETRY_MS * 2 ** Math.min(failures - 1, 8), LONGEST_RETRY_MS))
  }

  async function notify(message: string): Promise<void> {
    try {
      await sql`SELECT pg_notify(${CHANNEL}, ${message})`.execute(database.query)
      isSilent = false
    } catch (error) {
      if (!isSilent) log.warn({ err: error }, 'other instances could not be told of a change, and notice it later')
      isSilent = true
    }
  }

  void connect()
  return {
    send: (message) => void notify(message),
    hear: (listener) => void listeners.push(listener),
    async close() {
      isClosed = true
      clearTimeout(timer)
      await client?.end().catch(() => undefined)
    },
  }
}
