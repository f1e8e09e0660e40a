// The rows of accounts at a sign-in provider, and of sign-ins there that were used up, in SQL.
import { hash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/database.ts'
import { isUniqueViolation } from '../../database/errors.ts'
import type { Schema } from '../../database/schema.ts'

type Query = Kysely<Schema>

export interface Identity {
  readonly issuer: string
  readonly subject: string
}

export interface IdentityStore {
  /** The user it opens an account of. */
  findUserId(identity: Identity): Promise<string | undefined>
  /** Does anybody at a provider open this account; anybody at this one? */
  opens(userId: string, query: Query, issuer?: string): Promise<boolean>
  /** Throws a violation of uniqueness where it belongs to somebody. */
  link(identity: Identity, userId: string, now: number, query: Query): Promise<void>
  touch(identity: Identity, now: number, query: Query): Promise<void>
  /** False where this one came back before. */
  useState(state: string, now: number, expiresAt: number): Promise<boolean>
}

export function createIdentityStore(database: Database): IdentityStore {
  return {
    async findUserId({ issuer, subject }) {
      const row = await database.query
        .selectFrom('user_identities')
        .select('user_id')
        .where('issuer', '=', issuer)
        .where('subject', '=', subject)
        .executeTakeFirst()
      return row?.user_id
    },
    async opens(userId, query, issuer) {
      const all = query.selectFrom('user_identities').select('subject').where('user_id', '=', userId)
      const theirs = issuer === undefined ? all : all.where('issuer', '=', issuer)
      return (await theirs.limit(1).executeTakeFirst()) !== undefined
    },
    async link({ issuer, subject }, userId, now, query) {
      const row = { issuer, subject, user_id: userId, created_at: now, last_used_at: now }
      await query.insertInto('user_identities').values(row).execute()
    },
    async touch({ issuer, subject }, now, query) {
      await query
        .updateTable('user_identities')
        .set({ last_used_at: now })
        .where('issuer', '=', issuer)
        .where('subject', '=', subject)
        .execute()
    },
    async useState(state, now, expiresAt) {
      await database.query.deleteFrom('used_sign_ins').where('expires_at', '<', now).execute()
      try {
        const row = { state_hash: hash('sha256', state, 'hex'), expires_at: expiresAt }
        await database.query.insertInto('used_sign_ins').values(row).execute()
        return true
      } catch (error) {
        if (isUniqueViolation(error)) return false
        throw error
      }
    },
  }
}
