// What years of use leave in a database: other people with their keys, and a long ledger. The rows are made inside it.
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
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

/** `file`: a database of SQLite in which the first user, provider key and API key stand already. */
export async function grow(file: string, { users, usageRows }: Growth): Promise<void> {
  if (users > 0) {
    const connection = new DatabaseSync(file)
    for (const [table, different] of Object.entries(DIFFERENT)) {
      const columns = connection.prepare(`SELECT name FROM pragma_table_info('${table}')`).all() as { name: string }[]
      const values = columns.map(({ name }) => different[name] ?? `source.${name}`)
      connection.exec(
        `WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${users})
         INSERT INTO ${table} (${columns.map(({ name }) => name).join(', ')})
         SELECT ${values.join(', ')} FROM series, (SELECT * FROM ${table} ORDER BY created_at DESC LIMIT 1) AS source`,
      )
    }
    connection.close()
  }
  if (usageRows === 0) return
  const database = await openDatabase({ file, statementTimeoutMs: 3_600_000 })
  await fillLedger(database, usageRows)
  await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(database.query)
  await database.close()
}
