// The rows of users, in SQL. Every change of what a credential proves raises `auth_gen`, so that tokens made before
// it stop counting.
import { sql, type Kysely, type Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Schema, UserTable } from '../../database/schema.ts'
import type { LimitColumns } from '../../kernel/limits.ts'

export type UserRow = Readonly<UserTable>
type Query = Kysely<Schema>

/** Chosen once; any number no other advisory lock of ours uses. */
const FIRST_ADMIN_LOCK = 7_316_002

export interface UserChange {
  readonly name?: string
  readonly fallback?: string
  readonly role?: 'admin' | 'user'
  readonly isActive?: boolean
  readonly limits?: Partial<LimitColumns>
}

export interface UserStore {
  insert(row: UserTable, query?: Query): Promise<void>
  findByEmail(email: string, query?: Query): Promise<UserRow | undefined>
  findById(id: string, query?: Query): Promise<UserRow | undefined>
  list(page: { limit: number; after: string | undefined }): Promise<UserRow[]>
  hasAdmin(query?: Query): Promise<boolean>
  /** Two processes must not both make the first administrator. */
  lockFirstAdmin(transaction: Transaction<Schema>): Promise<void>
  listActiveAdmins(): Promise<string[]>
  /** The active administrators, unchangeable by others until the transaction ends. */
  lockActiveAdmins(transaction: Transaction<Schema>): Promise<string[]>
  /** Nobody else changes this user, or adds anything of theirs, until the transaction ends. */
  lock(id: string, transaction: Transaction<Schema>): Promise<UserRow | undefined>
  /** And with it every row that is theirs. */
  remove(id: string, query: Query): Promise<void>
  update(id: string, change: UserChange, now: number, query?: Query): Promise<void>
  raiseGeneration(id: string, query: Query): Promise<void>
  /** Sets a password and raises the generation; false if `expectedGeneration` is given and no longer right. */
  setPassword(
    id: string,
    passwordHash: string,
    now: number,
    query: Query,
    expectedGeneration?: number,
  ): Promise<boolean>
  /** Dates a sign-in; false if the account was changed or switched off since its password was checked. */
  markSignedIn(id: string, expectedGeneration: number, now: number, query: Query): Promise<boolean>
}

export function createUserStore(database: Database): UserStore {
  const activeAdmins = (query: Query) =>
    query.selectFrom('users').select('id').where('role', '=', 'admin').where('is_active', '=', true).orderBy('id')

  return {
    async insert(row, query = database.query) {
      await query.insertInto('users').values(row).execute()
    },
    findByEmail(email, query = database.query) {
      return query.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst()
    },
    findById(id, query = database.query) {
      return query.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
    },
    list({ limit, after }) {
      return database.query
        .selectFrom('users')
        .selectAll()
        .$if(after !== undefined, (select) => select.where('email', '>', after!))
        .orderBy('email')
        .limit(limit)
        .execute()
    },
    async hasAdmin(query = database.query) {
      const row = await query.selectFrom('users').select('id').where('role', '=', 'admin').limit(1).executeTakeFirst()
      return row !== undefined
    },
    async lockFirstAdmin(transaction) {
      if (database.kind === 'postgres')
        await sql`SELECT pg_advisory_xact_lock(${FIRST_ADMIN_LOCK})`.execute(transaction)
    },
    listActiveAdmins: async () => (await activeAdmins(database.query).execute()).map((row) => row.id),
    async lockActiveAdmins(transaction) {
      const rows = await activeAdmins(transaction)
        .$if(database.kind === 'postgres', (select) => select.forUpdate())
        .execute()
      return rows.map((row) => row.id)
    },
    lock(id, transaction) {
      return transaction
        .selectFrom('users')
        .selectAll()
        .where('id', '=', id)
        .$if(database.kind === 'postgres', (select) => select.forUpdate())
        .executeTakeFirst()
    },
    async remove(id, query) {
      await query.deleteFrom('users').where('id', '=', id).execute()
    },
    async update(id, change, now, query = database.query) {
      await query
        .updateTable('users')
        .set({
          ...(change.name === undefined ? {} : { name: change.name }),
          ...(change.fallback === undefined ? {} : { fallback: change.fallback }),
          ...(change.role === undefined ? {} : { role: change.role }),
          ...(change.isActive === undefined ? {} : { is_active: change.isActive }),
          ...change.limits,
          updated_at: now,
        })
        .where('id', '=', id)
        .execute()
    },
    async raiseGeneration(id, query) {
      await query
        .updateTable('users')
        .set((expression) => ({ auth_gen: expression('auth_gen', '+', 1) }))
        .where('id', '=', id)
        .execute()
    },
    async setPassword(id, passwordHash, now, query, expectedGeneration) {
      const result = await query
        .updateTable('users')
        .set((expression) => ({
          password_hash: passwordHash,
          auth_gen: expression('auth_gen', '+', 1),
          updated_at: now,
        }))
        .where('id', '=', id)
        .$if(expectedGeneration !== undefined, (update) => update.where('auth_gen', '=', expectedGeneration!))
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async markSignedIn(id, expectedGeneration, now, query) {
      const result = await query
        .updateTable('users')
        .set({ last_login_at: now })
        .where('id', '=', id)
        .where('auth_gen', '=', expectedGeneration)
        .where('is_active', '=', true)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
  }
}
