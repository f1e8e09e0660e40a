// PostgreSQL as a Database: a pool of connections with limits on both ends. The server cancels a statement after the
// limit (`statement_timeout`); a server that does not even do that (stopped, network gone) is given up a second later
// and its connection thrown away.
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, sql } from 'kysely'
import pg from 'pg'
import type { Log } from '../../kernel/log.ts'
import type { Database } from './database-handle.ts'
import { DatabaseOpenError, refuseUnstorable, storageUnavailable } from '../errors.ts'
import type { Schema } from '../schema.ts'
import { prepareBatches, quoteName } from './insert-batches.ts'
import { fromConnectError, fromPostgresError, isReadOnly } from './postgres-errors.ts'
import { runTransaction } from './run-transaction.ts'
import { createTransactionScopes, type TransactionScopes } from './transaction-scope.ts'

const POOL_SIZE = 10
const GRACE_MS = 1_000
const IDLE_IN_TRANSACTION_MS = 60_000
/** How often a server that hangs is asked whether it answers again. */
const PROBE_MS = 1_000

export async function openPostgres(url: string, limitMs: number, log: Log | undefined): Promise<Database> {
  const pool = createPool(url, limitMs, log)
  const scopes = createTransactionScopes()
  const query = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: guardPool(pool, { scopes, usualLimitMs: limitMs, log }) }),
  })
  try {
    await sql`SELECT 1`.execute(query)
  } catch (error) {
    await pool.end()
    throw new DatabaseOpenError('unreachable', unreachableMessage(error))
  }
  let closing: Promise<void> | undefined

  return {
    kind: 'postgres',
    query,
    transaction(work, options) {
      const ownLimitMs = options?.limitMs
      return runTransaction(query, scopes, ownLimitMs ?? limitMs, async (tx) => {
        if (ownLimitMs !== undefined) await sql`SET LOCAL statement_timeout = ${sql.lit(ownLimitMs)}`.execute(tx)
        return work(tx)
      })
    },
    async insertMany(batches) {
      const prepared = prepareBatches(batches, 'objects')
      if (prepared.length === 0) return
      await runTransaction(query, scopes, limitMs, async (tx) => {
        for (const { table, columns, rows } of prepared) {
          const names = sql.raw(columns.map(quoteName).join(', '))
          const name = sql.raw(quoteName(table))
          await sql`INSERT INTO ${name} (${names}) SELECT ${names} FROM json_populate_recordset(null::${name}, ${rows}::json) ON CONFLICT DO NOTHING`.execute(
            tx,
          )
        }
      })
    },
    async ping() {
      await sql`SELECT 1`.execute(query)
    },
    shred: async () => true,
    close: () => (closing ??= query.destroy()),
  }
}

function createPool(url: string, limitMs: number, log: Log | undefined): pg.Pool {
  let pool: pg.Pool
  try {
    pool = new pg.Pool({
      connectionString: url,
      max: POOL_SIZE,
      application_name: 'uniroute',
      keepAlive: true,
      connectionTimeoutMillis: limitMs,
      statement_timeout: limitMs,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      types: { getTypeParser },
    })
  } catch {
    // What the parser says is not repeated: the address holds a password.
    throw new DatabaseOpenError(
      'unreachable',
      'DATABASE_URL is not a PostgreSQL address (postgres://user:password@host/name).',
    )
  }
  // Only the message: these error objects carry the client, and with it the password. Errors of a connection in use
  // reach its query; without a listener they would end the process.
  pool.on('error', (error) => log?.warn({ error: error.message }, 'a PostgreSQL connection was lost'))
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

const INT8 = 20
const NUMERIC = 1700

/** pg hands out int8 and numeric as text; ours all fit a number. One that does not is an error, never a rounded sum. */
function getTypeParser(type: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (type === INT8 || type === NUMERIC) return parseNumber
  return pg.types.getTypeParser(type, format as 'text') as (text: string) => unknown
}

function parseNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new RangeError('A number in the database is larger than 2^53.')
  }
  return value
}

/**
 * Knows when the server hangs. Then one question a second finds out whether it answers again; all others are refused at
 * once, so that what can do without the database waits for it once and not each time.
 */
function createLookout() {
  let hangsUntil = 0
  return {
    refuseWhileHanging(): void {
      const now = performance.now()
      if (hangsUntil === 0) return
      if (now < hangsUntil) throw storageUnavailable('The database does not answer. Try again.')
      hangsUntil = now + PROBE_MS
    },
    noteHang(): void {
      hangsUntil = performance.now() + PROBE_MS
    },
    noteAnswer(): void {
      hangsUntil = 0
    },
  }
}

type Lookout = ReturnType<typeof createLookout>

/** Not: refused, which is quick; and not: waiting for one of our own connections, which are only busy. */
function isHang(error: unknown, pool: pg.Pool): boolean {
  return error instanceof Error && /timeout/i.test(error.message) && pool.totalCount < POOL_SIZE
}

/** The pool as Kysely sees it: refuses use inside a transaction, limits waiting, turns errors into ours. */
function guardPool(
  pool: pg.Pool,
  { scopes, usualLimitMs, log }: { scopes: TransactionScopes; usualLimitMs: number; log: Log | undefined },
): PostgresPool {
  const lookout = createLookout()
  /** Told once until it lets us in again: requests insist, and the operator has to know why. */
  let toldWhy = false
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      scopes.refuseInside()
      lookout.refuseWhileHanging()
      try {
        const client = await pool.connect()
        toldWhy = false
        return guardClient(client, { scopes, lookout, usualLimitMs })
      } catch (error) {
        if (error instanceof pg.DatabaseError && !toldWhy) {
          toldWhy = true
          log?.warn({ error: error.message, code: error.code }, 'PostgreSQL lets UniRoute in no more')
        }
        if (isHang(error, pool)) lookout.noteHang()
        throw fromConnectError(error)
      }
    },
  }
}

function guardClient(
  client: pg.PoolClient,
  { scopes, lookout, usualLimitMs }: { scopes: TransactionScopes; lookout: Lookout; usualLimitMs: number },
): PostgresPoolClient {
  let broken = false

  async function query(text: string, parameters: readonly unknown[]): Promise<unknown> {
    if (broken) throw storageUnavailable('The connection to the database was given up. Try again.')
    refuseUnstorable(parameters)
    const limitMs = (scopes.current()?.limitMs ?? usualLimitMs) + GRACE_MS
    let timer: NodeJS.Timeout | undefined
    const tooSlow = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        broken = true
        lookout.noteHang()
        reject(storageUnavailable('The database does not answer in time. Try again.'))
      }, limitMs)
    })
    try {
      const answer = await Promise.race([client.query(text, [...parameters]), tooSlow])
      lookout.noteAnswer()
      return answer
    } catch (error) {
      if (isReadOnly(error)) broken = true
      throw fromPostgresError(error)
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    query: query as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy === true || broken),
  }
}

function unreachableMessage(error: unknown): string {
  const { message } = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error)
  return `The PostgreSQL database of DATABASE_URL cannot be used: ${message}. Check the address, or start the server.`
}
