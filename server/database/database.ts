// The database, SQLite or PostgreSQL, behind one interface: stores write Kysely queries that run on both.
// May import kernel only; knows no domain. Times, money and booleans: see schema.ts.
// - Inside `transaction`, use the `tx` that is handed in. Using the database itself there is refused at once with an
//   error, on both kinds. On SQLite transactions run one after the other and everything else waits for the open one, so
//   keep them short: no network, no cache that others may be loading.
// - Longest wait for a statement: 5 s, then GatewayError `storage_unavailable`. The statement itself may still be
//   carried out (a COMMIT too); nothing that had not begun will be.
// - Constraint violations reject with StorageError: ask isUniqueViolation or isForeignKeyViolation.
import type { Kysely, Transaction } from 'kysely'
import type { Log } from '../kernel/log.ts'
import { openPostgres } from './internal/postgres.ts'
import { openSqlite } from './internal/sqlite.ts'
import type { Schema } from './schema.ts'

export interface Database {
  readonly kind: 'sqlite' | 'postgres'
  readonly query: Kysely<Schema>
  /** All or nothing. BEGIN IMMEDIATE on SQLite, read committed on PostgreSQL. `limitMs` is for the migrator. */
  transaction<T>(work: (tx: Transaction<Schema>) => Promise<T>, options?: { limitMs?: number }): Promise<T>
  /**
   * Adds rows that are not there yet, all batches in one transaction. Built for usage records: cheap on the serving
   * thread, whatever their number. Columns left out are NULL; text is made storable (U+FFFD).
   */
  insertMany<T extends keyof Schema & string>(
    batches: ReadonlyArray<{ table: T; rows: readonly object[] }>,
  ): Promise<void>
  ping(): Promise<void>
  /**
   * Erases what was deleted from the files: SQLite moves its write-ahead log into the file and empties it, false where
   * somebody still reads an older state (try again later). PostgreSQL: true, it promises no physical erasure.
   */
  shred(): Promise<boolean>
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** postgres://… ; wins over `file`. */
  url?: string
  /** Path of the SQLite file, created with mode 0600. */
  file?: string
  log?: Log
  statementTimeoutMs?: number
}

const STATEMENT_TIMEOUT_MS = 5_000

/** Opens the database, or rejects with DatabaseOpenError; migrating is the migrator's. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const limitMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS
  if (options.url !== undefined) return openPostgres(options.url, limitMs, options.log)
  if (options.file !== undefined) return openSqlite(options.file, limitMs, options.log)
  throw new Error('Neither the address of a PostgreSQL database nor the path of a SQLite file was given.')
}
