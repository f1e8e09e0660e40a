// The rows of sessions, in SQL. A session is one sign-in on one device; its refresh token is kept as a hash only.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Schema, SessionTable } from '../../database/schema.ts'
import { demandsFactor, parseRule, REQUIRE_SECOND_FACTOR } from './second-factor-rule.ts'
import type { UserRow } from './user-store.ts'

export type SessionRow = Readonly<SessionTable>
type Query = Kysely<Schema>

/** What decides whether a session counts, from its own row and its user's. */
export interface SessionState {
  readonly id: string
  readonly userId: string
  readonly role: UserRow['role']
  readonly isActive: boolean
  readonly generation: number
  readonly authenticatedAt: number
  readonly lastUsedAt: number
  readonly expiresAt: number
  readonly revokedAt: number | null
  /** The rules demand a second factor of this user, who has none. A sign-in provider looks after its own. */
  readonly lacksFactor: boolean
}

export interface SessionStore {
  /** Adds a session and clears away the user's long dead ones. */
  insert(row: SessionTable, query: Query): Promise<void>
  find(id: string): Promise<SessionRow | undefined>
  findState(id: string): Promise<SessionState | null>
  /** Those that were used after `usedAfter`. */
  listLive(userId: string, now: number, usedAfter: number): Promise<SessionRow[]>
  /** Was the account with this e-mail address ever opened from this address? */
  wasOpenedFrom(email: string, ip: string): Promise<boolean>
  /** Replaces the refresh token; false if it is no longer the given one. */
  rotate(change: { id: string; from: string; to: string; ip: string; now: number }): Promise<boolean>
  /** False where the session is over. */
  markAuthenticated(id: string, at: number, query: Query): Promise<boolean>
  /** Ends one session of the user; false if there is no such live one. */
  revoke(id: string, userId: string, now: number, query?: Query): Promise<boolean>
  /** Ends all sessions of the user but one. */
  revokeAll(userId: string, exceptId: string | null, now: number, query: Query): Promise<void>
}

const KEEP_DEAD_MS = 24 * 3_600_000

export function createSessionStore(database: Database): SessionStore {
  return {
    async insert(row, query) {
      const before = row.created_at - KEEP_DEAD_MS
      await query
        .deleteFrom('sessions')
        .where('user_id', '=', row.user_id)
        .where((where) => where.or([where('expires_at', '<', before), where('revoked_at', '<', before)]))
        .execute()
      await query.insertInto('sessions').values(row).execute()
    },
    find(id) {
      return database.query.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst()
    },
    async findState(id) {
      const row = await database.query
        .selectFrom('sessions')
        .innerJoin('users', 'users.id', 'sessions.user_id')
        .leftJoin('second_factors', 'second_factors.user_id', 'sessions.user_id')
        .leftJoin('settings', (join) => join.on('settings.name', '=', REQUIRE_SECOND_FACTOR))
        .select([
          'sessions.id',
          'sessions.user_id as userId',
          'users.role',
          'users.is_active as isActive',
          'users.auth_gen as generation',
          'sessions.authenticated_at as authenticatedAt',
          'sessions.last_used_at as lastUsedAt',
          'sessions.expires_at as expiresAt',
          'sessions.revoked_at as revokedAt',
          'sessions.method',
          'second_factors.confirmed_at as factorSince',
          'settings.value as rule',
        ])
        .where('sessions.id', '=', id)
        .executeTakeFirst()
      if (!row) return null
      const { method, factorSince, rule, ...state } = row
      const isDemanded = method === 'password' && demandsFactor(parseRule(rule), state.role)
      return { ...state, lacksFactor: isDemanded && factorSince === null }
    },
    listLive(userId, now, usedAfter) {
      return database.query
        .selectFrom('sessions')
        .selectAll()
        .where('user_id', '=', userId)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .where('last_used_at', '>', usedAfter)
        .orderBy('last_used_at', 'desc')
        .limit(200)
        .execute()
    },
    async wasOpenedFrom(email, ip) {
      const row = await database.query
        .selectFrom('sessions')
        .innerJoin('users', 'users.id', 'sessions.user_id')
        .select('sessions.id')
        .where('users.email', '=', email)
        .where('sessions.ip', '=', ip)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },
    async rotate({ id, from, to, ip, now }) {
      const result = await database.query
        .updateTable('sessions')
        .set({ refresh_hash: to, previous_hash: from, rotated_at: now, last_used_at: now, ip })
        .where('id', '=', id)
        .where('refresh_hash', '=', from)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async markAuthenticated(id, at, query) {
      const result = await query
        .updateTable('sessions')
        .set({ authenticated_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async revoke(id, userId, now, query = database.query) {
      const result = await query
        .updateTable('sessions')
        .set({ revoked_at: now })
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .where('revoked_at', 'is', null)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async revokeAll(userId, exceptId, now, query) {
      await query
        .updateTable('sessions')
        .set({ revoked_at: now })
        .where('user_id', '=', userId)
        .where('revoked_at', 'is', null)
        .$if(exceptId !== null, (update) => update.where('id', '!=', exceptId!))
        .execute()
    },
  }
}
