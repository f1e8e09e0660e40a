// The rows of UniRoute's API keys, in SQL. Every method but the look-up by digest is told the owner.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { ApiKeyTable, Schema } from '../../database/schema.ts'
import type { LimitColumns } from '../../kernel/limits.ts'
import type { ApiKeyState, HolderState } from './context.ts'

export type ApiKeyRow = Readonly<ApiKeyTable>
type Query = Kysely<Schema>

/** The columns an owner can change. */
export type ApiKeyChange = Partial<
  Pick<ApiKeyTable, 'name' | 'expires_at' | 'allowed_models' | 'allowed_payers' | 'fallback' | keyof LimitColumns>
>

export interface ApiKeyStore {
  insert(row: ApiKeyTable, query: Query): Promise<void>
  list(userId: string, includeRevoked: boolean, query?: Query): Promise<ApiKeyRow[]>
  find(id: string, userId: string, query?: Query): Promise<ApiKeyRow | undefined>
  /** The key whose current or previous text has this digest. */
  findByDigest(digest: string): Promise<ApiKeyState | null>
  /** The same by id, for previews. */
  findState(id: string, userId: string): Promise<ApiKeyState | null>
  /** What counts of a user who calls without an API key. */
  findHolder(userId: string): Promise<HolderState | null>
  /** Changes a key that is not revoked and, if given, still of that version; false otherwise. */
  update(
    target: { id: string; userId: string; version: number | undefined },
    change: ApiKeyChange,
    now: number,
    query: Query,
  ): Promise<boolean>
  /** Puts a new text in the place of the old one, which lives on until `previousExpiresAt` (null: not at all). */
  rotate(
    target: { id: string; userId: string },
    next: { digest: string; last4: string; previousExpiresAt: number | null },
    now: number,
    query: Query,
  ): Promise<boolean>
  revoke(target: { id: string; userId: string }, now: number, query: Query): Promise<boolean>
  /** All keys of a team, or those one user made for it; their ids. */
  revokeOfTeam(teamId: string, userId: string | null, now: number, query: Query): Promise<string[]>
  /** How many of a team work, or of those one user made for it. */
  countOfTeam(teamId: string, userId: string | null): Promise<number>
  /** Dates the last use of many keys; a later date is never replaced by an earlier one. */
  markUsed(uses: ReadonlyMap<string, number>): Promise<void>
}

export function createApiKeyStore(database: Database): ApiKeyStore {
  return {
    async insert(row, query) {
      await query.insertInto('api_keys').values(row).execute()
    },
    list(userId, includeRevoked, query = database.query) {
      return query
        .selectFrom('api_keys')
        .selectAll()
        .where('user_id', '=', userId)
        .$if(!includeRevoked, (select) => select.where('is_active', '=', true))
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute()
    },
    find(id, userId, query = database.query) {
      return query
        .selectFrom('api_keys')
        .selectAll()
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .executeTakeFirst()
    },
    async findByDigest(digest) {
      const row = await selectState(database.query)
        .where((where) =>
          where.or([where('api_keys.key_hash', '=', digest), where('api_keys.previous_hash', '=', digest)]),
        )
        .executeTakeFirst()
      return row ?? null
    },
    async findState(id, userId) {
      const states = selectState(database.query).where('api_keys.id', '=', id).where('api_keys.user_id', '=', userId)
      return (await states.executeTakeFirst()) ?? null
    },
    async findHolder(userId) {
      const row = await database.query
        .selectFrom('users')
        .select(['id', 'role', 'is_active', 'fallback', 'budget_period', ...COUNTS])
        .where('id', '=', userId)
        .executeTakeFirst()
      return row ?? null
    },
    async update({ id, userId, version }, change, now, query) {
      const result = await query
        .updateTable('api_keys')
        .set((expression) => ({ ...change, version: expression('version', '+', 1), updated_at: now }))
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .where('is_active', '=', true)
        .$if(version !== undefined, (update) => update.where('version', '=', version!))
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async rotate({ id, userId }, { digest, last4, previousExpiresAt }, now, query) {
      const result = await query
        .updateTable('api_keys')
        .set((expression) => ({
          previous_hash: previousExpiresAt === null ? null : expression.ref('key_hash'),
          previous_expires_at: previousExpiresAt,
          key_hash: digest,
          last4,
          version: expression('version', '+', 1),
          updated_at: now,
        }))
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .where('is_active', '=', true)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async revoke({ id, userId }, now, query) {
      const result = await query
        .updateTable('api_keys')
        .set((expression) => ({
          is_active: false,
          previous_hash: null,
          previous_expires_at: null,
          version: expression('version', '+', 1),
          updated_at: now,
        }))
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .where('is_active', '=', true)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async revokeOfTeam(teamId, userId, now, query) {
      const rows = await query
        .updateTable('api_keys')
        .set((expression) => ({
          is_active: false,
          previous_hash: null,
          previous_expires_at: null,
          version: expression('version', '+', 1),
          updated_at: now,
        }))
        .where('team_id', '=', teamId)
        .where('is_active', '=', true)
        .$if(userId !== null, (update) => update.where('user_id', '=', userId!))
        .returning('id')
        .execute()
      return rows.map(({ id }) => id)
    },
    async countOfTeam(teamId, userId) {
      const { count } = await database.query
        .selectFrom('api_keys')
        .select(({ fn }) => fn.countAll().as('count'))
        .where('team_id', '=', teamId)
        .where('is_active', '=', true)
        .$if(userId !== null, (select) => select.where('user_id', '=', userId!))
        .executeTakeFirstOrThrow()
      return Number(count)
    },
    async markUsed(uses) {
      if (uses.size === 0) return
      // In the order of ids, so that two processes never wait for each other.
      const ordered = [...uses].sort(([a], [b]) => (a < b ? -1 : 1))
      await database.transaction(async (tx) => {
        for (const [id, at] of ordered) {
          await tx
            .updateTable('api_keys')
            .set({ last_used_at: at })
            .where('id', '=', id)
            .where((where) => where.or([where('last_used_at', 'is', null), where('last_used_at', '<', at)]))
            .execute()
        }
      })
    },
  }
}

const COUNTS = [
  'rate_limit_per_minute',
  'rate_limit_per_day',
  'token_limit_per_minute',
  'token_limit_per_day',
  'budget_usd_nanos',
] as const

function selectState(query: Query) {
  return query
    .selectFrom('api_keys')
    .innerJoin('users', 'users.id', 'api_keys.user_id')
    .leftJoin('teams', 'teams.id', 'api_keys.team_id')
    .select([
      'api_keys.id',
      'api_keys.user_id',
      'api_keys.team_id',
      'api_keys.name',
      'api_keys.key_hash',
      'api_keys.previous_hash',
      'api_keys.previous_expires_at',
      'api_keys.is_active',
      'api_keys.expires_at',
      'api_keys.allowed_models',
      'api_keys.allowed_payers',
      'api_keys.fallback',
      'users.role as user_role',
      'users.is_active as user_is_active',
      'users.fallback as user_fallback',
    ])
    .select(COUNTS.map((name) => `api_keys.${name}` as const))
    .select(COUNTS.map((name) => `users.${name} as user_${name}` as const))
    .select(COUNTS.map((name) => `teams.${name} as team_${name}` as const))
    .select([
      'api_keys.budget_period',
      'users.budget_period as user_budget_period',
      'teams.budget_period as team_budget_period',
    ])
}
