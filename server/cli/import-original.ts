// The original's database as the import reads it: in one READ ONLY transaction, so nothing there can change, and
// tolerant of columns that an older or newer one lacks.
import pg from 'pg'
import { CommandFailed } from './command.ts'

export interface OriginalUser {
  readonly id: string
  readonly email: string
  readonly name: string | null
  readonly role: string | null
  readonly passwordHash: string | null
  readonly isActive: boolean
  /** Epoch ms; null where there is none. */
  readonly createdAt: number | null
}

export interface OriginalKey {
  readonly id: string
  readonly userId: string
  readonly provider: string
  /** base64 of nonce, ciphertext and tag. */
  readonly sealed: string
  readonly isActive: boolean
  readonly createdAt: number | null
  readonly updatedAt: number | null
}

export interface Original {
  readonly users: readonly OriginalUser[]
  readonly keys: readonly OriginalKey[]
}

type Row = Readonly<Record<string, unknown>>

/** Throws CommandFailed where the address does not lead to a database of the original. */
export async function readOriginal(url: string): Promise<Original> {
  if (!/^postgres(?:ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CommandFailed('--from takes the address of the original’s database: postgres://user:password@host/name')
  }
  const client = new pg.Client({
    connectionString: url,
    application_name: 'uniroute import',
    connectionTimeoutMillis: 10_000,
  })
  // Errors of a lost connection reach the query in hand; without a listener they would end the process.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await refuseOwnKind(client)
    const users = (await readTable(client, 'users', ['id', 'email'])).map(toUser)
    const keys = await readTable(client, 'user_provider_keys', ['id', 'user_id', 'provider', 'api_key_encrypted'])
    await client.query('ROLLBACK')
    return { users, keys: keys.map(toKey) }
  } catch (error) {
    if (error instanceof CommandFailed) throw error
    // The driver's errors may carry the address; their message alone does not.
    throw new CommandFailed(
      `The original's database cannot be read: ${error instanceof Error ? error.message : 'unknown error'}. Nothing was changed.`,
    )
  } finally {
    await client.end()
  }
}

async function refuseOwnKind(client: pg.Client): Promise<void> {
  const { rows } = await client.query("SELECT to_regclass('key_registry') IS NOT NULL AS own")
  if ((rows[0] as Row)['own'] !== true) return
  throw new CommandFailed('That database is one of this UniRoute, not of the original. Nothing was changed.')
}

async function readTable(client: pg.Client, table: string, needed: readonly string[]): Promise<Row[]> {
  const columns = await client.query(
    'SELECT column_name FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false)) AND table_name = $1',
    [table],
  )
  const known = new Set(columns.rows.map((row: Row) => row['column_name']))
  const missing = needed.filter((column) => !known.has(column))
  if (missing.length > 0) {
    throw new CommandFailed(
      known.size === 0
        ? `That database has no table ${table}, so it is not the original's. Nothing was changed.`
        : `Its table ${table} has no column ${missing.join(', ')}. Nothing was changed.`,
    )
  }
  const { rows } = await client.query(`SELECT * FROM ${table} ORDER BY id`)
  return rows as Row[]
}

function toUser(row: Row): OriginalUser {
  return {
    id: String(row['id']),
    email: String(row['email']).trim().toLowerCase(),
    name: readText(row, 'name', 'full_name', 'display_name', 'username'),
    role: readText(row, 'role'),
    passwordHash: readText(row, 'password_hash', 'hashed_password', 'password'),
    isActive: row['is_active'] !== false,
    createdAt: readTime(row, 'created_at'),
  }
}

function toKey(row: Row): OriginalKey {
  return {
    id: String(row['id']),
    userId: String(row['user_id']),
    provider: String(row['provider']).trim().toLowerCase(),
    sealed: String(row['api_key_encrypted']),
    isActive: row['is_active'] !== false,
    createdAt: readTime(row, 'created_at'),
    updatedAt: readTime(row, 'updated_at'),
  }
}

function readText(row: Row, ...columns: readonly string[]): string | null {
  for (const column of columns) {
    const value = row[column]
    if (typeof value === 'string' && value.trim() !== '') return value.trim()
  }
  return null
}

function readTime(row: Row, column: string): number | null {
  const value = row[column]
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.getTime()
  if (typeof value !== 'string' && typeof value !== 'number') return null
  const time = new Date(value).getTime()
  return Number.isNaN(time) ? null : time
}
