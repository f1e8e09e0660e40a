// What years of use leave in a database: other people with their keys, and a long ledger. The rows are made inside it.
import { DatabaseSync } from 'node:sqlite'
import { openDatabase } from '../../server/database/database.ts'
import { fillLedger } from '../../test/support/large-ledger.ts'

export interface Growth {
  /** Beside the one who asks; each with one provider key and one API key. */
  readonly users: number
  /** Requests in the ledger, and as many calls. */
  readonly usageRows: number
}

/** Columns that must differ from copy to copy: `n` is the number of the copy. */
const DIFFERENT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  users: { id: `printf('22222222-2222-4222-8222-%012d', n)`, email: `'grown' || n || '@example.com'` },
  user_provider_keys: {
    id: `printf('01K0000000000000%010d', n)`,
    user_id: `printf('22222222-2222-4222-8222-%012d', n)`,
    fingerprint: `printf('grown-%012d', n)`,
  },
  api_keys: {
    id: `printf('01K0000000000000%010d', n)`,
    user_id: `printf('22222222-2222-4222-8222-%012d', n)`,
    key_hash: `printf('grown-%012d', n)`,
  },
}

/** A year of it, however much it is: day sums and indexes then look as they would. It ended two days ago. */
const LEDGER_MS = 300 * 86_400_000
const LEDGER_ENDED_MS = 2 * 86_400_000

/**
 * `file`: a database of SQLite in which the first user, provider key and API key stand already. Six of ten rows of
 * usage are that user's, who is the one that asks.
 */
export async function grow(file: string, { users, usageRows }: Growth): Promise<void> {
  const connection = new DatabaseSync(file, { timeout: 60_000 })
  try {
    const find = (table: string, column: string): string =>
      String(
        connection.prepare(`SELECT ${column} AS found FROM ${table} ORDER BY created_at DESC LIMIT 1`).get()!['found'],
      )
    const owner = {
      userId: find('user_provider_keys', 'user_id'),
      providerKeyId: find('user_provider_keys', 'id'),
      apiKeyId: find('api_keys', 'id'),
    }
    if (users > 0) copyUsers(connection, users)
    if (usageRows === 0) return
    const everyMs = Math.min(9_000, Math.floor(LEDGER_MS / usageRows))
    const database = await openDatabase({ file, statementTimeoutMs: 3_600_000 })
    await fillLedger(database, usageRows, {
      owner,
      everyMs,
      started: Date.now() - LEDGER_ENDED_MS - usageRows * everyMs,
    })
    await database.close()
    connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } finally {
    connection.close()
  }
}

function copyUsers(connection: DatabaseSync, users: number): void {
  for (const [table, different] of Object.entries(DIFFERENT)) {
    const columns = connection.prepare(`SELECT name FROM pragma_table_info('${table}')`).all() as { name: string }[]
    const values = columns.map(({ name }) => different[name] ?? `source.${name}`)
    connection.exec(
      `WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${users})
       INSERT INTO ${table} (${columns.map(({ name }) => name).join(', ')})
       SELECT ${values.join(', ')} FROM series, (SELECT * FROM ${table} ORDER BY created_at DESC LIMIT 1) AS source`,
    )
  }
}
