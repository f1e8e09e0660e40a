// The rows of one-time codes (password reset, invitations), in SQL. Only a code's hash is kept; each works once.
import { hash, randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { OneTimeCodeTable, Schema } from '../../database/schema.ts'

export type CodeRow = Readonly<OneTimeCodeTable>
type Query = Kysely<Schema>
type Purpose = OneTimeCodeTable['purpose']

export interface CodeStore {
  insert(row: OneTimeCodeTable, query: Query): Promise<void>
  /** The code if it is of that purpose, unused and not too old. */
  findUsable(code: string, purpose: Purpose, now: number): Promise<CodeRow | undefined>
  /** Uses the code up; false if somebody was faster. */
  use(id: string, now: number, query: Query): Promise<boolean>
  /** Takes back what was issued to a user for a purpose. */
  discard(userId: string, purpose: Purpose, query: Query): Promise<void>
}

export function generateCode(): string {
  return randomBytes(32).toString('base64url')
}

export function digestCode(code: string): string {
  return hash('sha256', code, 'hex')
}

export function createCodeStore(database: Database): CodeStore {
  return {
    async insert(row, query) {
      await query.deleteFrom('one_time_codes').where('expires_at', '<', row.created_at).execute()
      await query.insertInto('one_time_codes').values(row).execute()
    },
    findUsable(code, purpose, now) {
      return database.query
        .selectFrom('one_time_codes')
        .selectAll()
        .where('code_hash', '=', digestCode(code))
        .where('purpose', '=', purpose)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
    },
    async use(id, now, query) {
      const result = await query
        .updateTable('one_time_codes')
        .set({ used_at: now })
        .where('id', '=', id)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async discard(userId, purpose, query) {
      await query.deleteFrom('one_time_codes').where('user_id', '=', userId).where('purpose', '=', purpose).execute()
    },
  }
}
