// A made-up database of the original: its tables in PostgreSQL, with keys in its own stored form.
import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { createPostgresDatabase, dropPostgresDatabase } from './databases.ts'

export interface OriginalDatabase {
  readonly url: string
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Answers the user's id. */
  addUser(email: string, fields?: { name?: string; role?: string; passwordHash?: string }): Promise<string>
  /** Answers the row's id. */
  addKey(userId: string, provider: string, sealed: string): Promise<string>
  /** Every row of both tables, as text. */
  picture(): Promise<string>
  remove(): Promise<void>
}

/** `bare` leaves out every column of users that may be missing. */
export async function createOriginal(options: { bare?: boolean } = {}): Promise<OriginalDatabase> {
  const url = await createPostgresDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const query = async (text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
    (await client.query(text, [...values])).rows
  const more = options.bare ? '' : ', password_hash text, name text, role text, created_at timestamptz DEFAULT now()'
  await query(`CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL UNIQUE${more})`)
  await query(`CREATE TABLE user_provider_keys (
    id uuid PRIMARY KEY, user_id uuid NOT NULL, provider text NOT NULL, api_key_encrypted text NOT NULL,
    is_active boolean DEFAULT true, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now())`)
  return {
    url,
    query,
    async addUser(email, { name, role, passwordHash } = {}) {
      const id = randomUUID()
      await query('INSERT INTO users (id, email) VALUES ($1, $2)', [id, email])
      if (!options.bare) {
        const values = [id, name ?? null, role ?? 'user', passwordHash ?? null]
        await query('UPDATE users SET name = $2, role = $3, password_hash = $4 WHERE id = $1', values)
      }
      return id
    },
    async addKey(userId, provider, sealed) {
      const id = randomUUID()
      await query('INSERT INTO user_provider_keys (id, user_id, provider, api_key_encrypted) VALUES ($1, $2, $3, $4)', [
        id,
        userId,
        provider,
        sealed,
      ])
      return id
    },
    async picture() {
      const users = await query('SELECT * FROM users ORDER BY id')
      return JSON.stringify([users, await query('SELECT * FROM user_provider_keys ORDER BY id')])
    },
    async remove() {
      await client.end()
      await dropPostgresDatabase(url)
    },
  }
}

/** A key as the original stored it: AES-256-GCM under the secret's SHA-256, bound to nothing. */
export function sealAsOriginal(secret: string, key: string): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', createHash('sha256').update(secret).digest(), nonce)
  return Buffer.concat([nonce, cipher.update(key, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64')
}
