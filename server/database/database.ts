// The database, SQLite or PostgreSQL, behind one interface: stores write Kysely queries that run on both.
// May import kernel only; knows no domain. Times, money and booleans: see schema.ts.
// - Inside `transaction`, use the `tx` that is handed in. Using the database itself there is refused at once with an
//   error, on both kinds. On SQLite transactions run one after the other and everything else waits for the open one, so
//   keep them short: no network, no cache that others may be loading.
// - Longest wait for a statement: 5 s, then GatewayError `storage_unavailable`. The statement itself may still be
//   carried out (a COMMIT too); nothing that had not begun will be.
// - Constraint violations reject with StorageError: ask isUniqueViolation or isForeignKeyViolation.
import type { Log } from '../kernel/log.ts'
import type { Database } from './internal/database-handle.ts'
import { openPostgres } from './internal/postgres.ts'
import { openSqlite } from './internal/sqlite.ts'

export type { Database }

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
