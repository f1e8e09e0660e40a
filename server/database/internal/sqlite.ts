// SQLite as a Database: one file, one worker thread, any number of callers.
import { Kysely, sql } from 'kysely'
import type { Log } from '../../kernel/log.ts'
import type { Database } from './database-handle.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { retryWhileLocked, startSqliteThread, tooSlow } from './sqlite-thread.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { createTransactionScopes } from './transaction-scope.ts'
import { createTurnstile } from './turnstile.ts'
import { prepareBatches, quoteName } from './insert-batches.ts'
import { runTransaction } from './run-transaction.ts'
import type { Schema } from '../schema.ts'

export async function openSqlite(file: string, limitMs: number, log: Log | undefined): Promise<Database> {
  const thread = await startSqliteThread(file, log)
  const turnstile = createTurnstile(tooSlow)
  const scopes = createTransactionScopes()
  const query = new Kysely<Schema>({ dialect: createSqliteDialect({ thread, turnstile, scopes, limitMs }) })
  let closing: Promise<void> | undefined

  async function closeThread(): Promise<void> {
    // An open transaction may end first; one that does not end in time is rolled back.
    let entered = false
    await turnstile
      .enter(limitMs, () => {
        entered = true
        return thread.send({ kind: 'close' }, limitMs)
      })
      .catch((error: unknown) => log?.warn({ error: (error as Error).message }, 'the database was not closed in time'))
    await query.destroy()
    await thread.stop()
    // Whoever still waits is admitted, to be told that the database is closed.
    if (entered) turnstile.leave()
  }

  return {
    kind: 'sqlite',
    query,
    transaction: (work, options) => runTransaction(query, scopes, options?.limitMs ?? limitMs, work),
    async insertMany(batches) {
      scopes.refuseInside()
      const prepared = prepareBatches(batches, 'lists').map(({ table, columns, rows }) => {
        const marks = columns.map(() => '?').join(', ')
        const names = columns.map(quoteName).join(', ')
        return { sql: `INSERT INTO ${quoteName(table)} (${names}) VALUES (${marks}) ON CONFLICT DO NOTHING`, rows }
      })
      if (prepared.length === 0) return
      const work = { kind: 'insert-many', batches: prepared, deadline: 0 } as const
      await retryWhileLocked(limitMs, (restMs) => turnstile.pass(restMs, () => thread.send(work, restMs)))
    },
    async ping() {
      await sql`SELECT 1`.execute(query)
    },
    async shred() {
      try {
        const { rows } = await sql<{ busy: number }>`PRAGMA wal_checkpoint(TRUNCATE)`.execute(query)
        return rows[0]?.busy === 0
      } catch (error) {
        if (error instanceof GatewayError && error.code === 'storage_unavailable') return false
        throw error
      }
    },
    close: () => (closing ??= closeThread()),
  }
}
