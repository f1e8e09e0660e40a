// The rows of leases, in SQL, with the names of those they concern. What was spent is read from the attempts, which
// keep the lease they were made under.
import type { ExpressionBuilder, Kysely } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { LeaseTable, Schema } from '../../database/schema.ts'
import type { ServedPart } from '../provider-keys/served-part.ts'

type Query = Kysely<Schema>

export type LeaseTerms = Partial<Pick<LeaseTable, 'allowed_models' | 'cap_usd_nanos' | 'cap_period' | 'expires_at'>>

/** A lease in force, with the key and the people behind it. */
export interface LeaseRow extends Readonly<LeaseTable> {
  readonly provider: string
  readonly label: string
  readonly last4: string
  readonly team_name: string
  /** Of the team. */
  readonly budget_usd_nanos: number | null
  readonly budget_period: string | null
  readonly owner_email: string
  readonly owner_name: string
  readonly borrower_email: string | null
  readonly borrower_name: string | null
}

/** A lease that is over, as one of those sees it who could use it. */
export interface EndedLeaseRow {
  readonly id: string
  readonly provider: string
  readonly last4: string
  readonly owner_id: string
  readonly owner_email: string
  readonly owner_name: string
  readonly team_id: string
  readonly team_name: string
  readonly endedAt: number
  readonly isOwnerInTeam: boolean
}

export interface BorrowerUsage {
  readonly userId: string
  /** null: the account is deleted. */
  readonly email: string | null
  readonly name: string | null
  readonly requests: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly costUsdNanos: number
  readonly unknownCosts: number
  readonly lastUsedAt: number | null
}

export interface LeaseStore {
  /** False if the key is shared with them already. */
  insert(lease: LeaseTable, query: Query): Promise<boolean>
  find(id: string): Promise<LeaseRow | undefined>
  listLent(ownerId: string): Promise<LeaseRow[]>
  /** What a user may use of others', by team membership. */
  listBorrowed(userId: string): Promise<LeaseRow[]>
  /** All leases a request of this user may use, their own among them. */
  listUsable(userId: string): Promise<LeaseRow[]>
  /**
   * What a user could use of others' until some time since, and can no longer; a key that is shared again is not among
   * it.
   */
  listEnded(userId: string, since: number): Promise<EndedLeaseRow[]>
  /** All in force within a team. */
  listOfTeam(teamId: string): Promise<LeaseRow[]>
  teamsOf(userId: string): Promise<string[]>
  /** False if it ended, or its version is no longer that. */
  update(id: string, version: number, terms: LeaseTerms, now: number, query: Query): Promise<boolean>
  end(id: string, now: number, query: Query): Promise<boolean>
  endAllOf(team: { teamId: string; userId?: string }, now: number, query: Query): Promise<void>
  readUsage(id: string, userId: string | null): Promise<BorrowerUsage[]>
  /** What was served under a lease since a time. */
  readServed(id: string, since: number): Promise<ServedPart[]>
  /** Nano-dollars by lease since a time. */
  readSpent(ids: readonly { id: string; since: number }[]): Promise<Map<string, number>>
}

/** Of what ended, no more is read. */
const MOST_ENDED = 100

export function createLeaseStore(database: Database): LeaseStore {
  const { query: own } = database

  const inForce = () =>
    own
      .selectFrom('leases')
      .innerJoin('user_provider_keys as key', 'key.id', 'leases.provider_key_id')
      .innerJoin('teams', 'teams.id', 'leases.team_id')
      .innerJoin('users as owner', 'owner.id', 'leases.owner_id')
      .leftJoin('users as borrower', 'borrower.id', 'leases.user_id')
      .selectAll('leases')
      .select([
        'key.provider',
        'key.label',
        'key.last4',
        'teams.name as team_name',
        'teams.budget_usd_nanos',
        'teams.budget_period',
        'owner.email as owner_email',
        'owner.name as owner_name',
        'borrower.email as borrower_email',
        'borrower.name as borrower_name',
      ])
      .where('leases.ended_at', 'is', null)
      .orderBy('leases.created_at')
      .orderBy('leases.id')

  const usableBy = (userId: string) =>
    inForce()
      .innerJoin('team_members as me', 'me.team_id', 'leases.team_id')
      .innerJoin('team_members as lender', (join) =>
        join.onRef('lender.team_id', '=', 'leases.team_id').onRef('lender.user_id', '=', 'leases.owner_id'),
      )
      .where('me.user_id', '=', userId)
      .where('owner.is_active', '=', true)
      .where((where) => where.or([where('leases.user_id', 'is', null), where('leases.user_id', '=', userId)]))

  const endedFor = (userId: string, since: number) =>
    own
      .selectFrom('leases')
      .innerJoin('user_provider_keys as key', 'key.id', 'leases.provider_key_id')
      .innerJoin('teams', 'teams.id', 'leases.team_id')
      .innerJoin('users as owner', 'owner.id', 'leases.owner_id')
      .innerJoin('team_members as me', 'me.team_id', 'leases.team_id')
      .leftJoin('team_members as lender', (join) =>
        join.onRef('lender.team_id', '=', 'leases.team_id').onRef('lender.user_id', '=', 'leases.owner_id'),
      )
      .select(['leases.id', 'leases.owner_id', 'leases.team_id', 'leases.provider_key_id', 'leases.ended_at'])
      .select(['key.provider', 'key.last4', 'teams.name as team_name', 'lender.user_id as lender_id'])
      .select(['owner.email as owner_email', 'owner.name as owner_name'])
      .where('me.user_id', '=', userId)
      .where('leases.owner_id', '<>', userId)
      .where('leases.ended_at', '>=', since)
      // Whoever came later could not use it.
      .whereRef('leases.ended_at', '>=', 'me.joined_at')
      .where((where) => where.or([where('leases.user_id', 'is', null), where('leases.user_id', '=', userId)]))
      .orderBy('leases.ended_at', 'desc')
      .orderBy('leases.id')
      .limit(MOST_ENDED)

  return {
    async insert(lease, query) {
      const result = await query
        .insertInto('leases')
        .values(lease)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      return result.numInsertedOrUpdatedRows === 1n
    },
    find: (id) => inForce().where('leases.id', '=', id).executeTakeFirst(),
    listLent: (ownerId) => inForce().where('leases.owner_id', '=', ownerId).execute(),
    listBorrowed: (userId) => usableBy(userId).where('leases.owner_id', '<>', userId).execute(),
    listUsable: (userId) => usableBy(userId).execute(),
    async listEnded(userId, since) {
      const rows = await endedFor(userId, since).execute()
      const shared = new Set((await usableBy(userId).execute()).map((row) => row.provider_key_id))
      // Of a key that was shared and taken back several times, the last.
      const seen = new Set<string>()
      return rows.flatMap(({ provider_key_id: key, lender_id: lender, ended_at: endedAt, ...row }) => {
        if (shared.has(key) || seen.has(key)) return []
        seen.add(key)
        return [{ ...row, endedAt: Number(endedAt), isOwnerInTeam: lender !== null }]
      })
    },
    listOfTeam: (teamId) => inForce().where('leases.team_id', '=', teamId).execute(),
    async teamsOf(userId) {
      const rows = await own.selectFrom('team_members').select('team_id').where('user_id', '=', userId).execute()
      return rows.map((row) => row.team_id)
    },
    async update(id, version, terms, now, query) {
      const result = await query
        .updateTable('leases')
        .set({ ...terms, version: version + 1, updated_at: now })
        .where('id', '=', id)
        .where('version', '=', version)
        .where('ended_at', 'is', null)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async end(id, now, query) {
      const result = await query
        .updateTable('leases')
        .set({ ended_at: now, updated_at: now })
        .where('id', '=', id)
        .where('ended_at', 'is', null)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async endAllOf({ teamId, userId }, now, query) {
      await query
        .updateTable('leases')
        .set({ ended_at: now, updated_at: now })
        .where('team_id', '=', teamId)
        .where('ended_at', 'is', null)
        .$if(userId !== undefined, (update) =>
          update.where((where) => where.or([where('owner_id', '=', userId!), where('user_id', '=', userId!)])),
        )
        .execute()
    },
    async readUsage(id, userId) {
      const rows = await own
        .selectFrom('attempts')
        .leftJoin('users', 'users.id', 'attempts.user_id')
        .select(['attempts.user_id as userId', 'users.email', 'users.name'])
        .select(sums)
        .where('attempts.lease_id', '=', id)
        .$if(userId !== null, (select) => select.where('attempts.user_id', '=', userId!))
        .groupBy(['attempts.user_id', 'users.email', 'users.name'])
        .orderBy('users.email')
        .execute()
      return rows.map((row) => ({
        userId: row.userId,
        email: row.email,
        name: row.name,
        requests: Number(row.requests),
        inputTokens: Number(row.inputTokens ?? 0),
        outputTokens: Number(row.outputTokens ?? 0),
        costUsdNanos: Number(row.costUsdNanos ?? 0),
        unknownCosts: Number(row.requests) - Number(row.known),
        lastUsedAt: row.lastUsedAt === null ? null : Number(row.lastUsedAt),
      }))
    },
    async readServed(id, since) {
      const rows = await own
        .selectFrom('attempts')
        .innerJoin('requests', (join) =>
          join
            .onRef('requests.id', '=', 'attempts.request_id')
            .onRef('requests.provider_key_id', '=', 'attempts.provider_key_id'),
        )
        .select(({ fn }) => [
          'requests.user_id as userId',
          'requests.api_key_id as apiKeyId',
          'attempts.provider',
          'requests.model as model',
          'requests.requested_model as requestedModel',
          'requests.client_dialect as dialect',
          fn.count('requests.id').distinct().as('requests'),
        ])
        .where('attempts.lease_id', '=', id)
        .where('attempts.created_at', '>=', since)
        .groupBy(['requests.user_id', 'requests.api_key_id', 'attempts.provider', 'requests.model'])
        .groupBy(['requests.requested_model', 'requests.client_dialect'])
        .execute()
      return rows.map((row) => ({ ...row, requests: Number(row.requests) }))
    },
    async readSpent(ids) {
      const spent = new Map<string, number>()
      for (const { id, since } of ids) {
        const row = await own
          .selectFrom('attempts')
          .select(({ fn }) => fn.sum<number | null>('cost_usd_nanos').as('spent'))
          .where('lease_id', '=', id)
          .where('created_at', '>=', since)
          .executeTakeFirst()
        spent.set(id, Number(row?.spent ?? 0))
      }
      return spent
    },
  }
}

function sums({ fn }: ExpressionBuilder<Schema, 'attempts'>) {
  return [
    fn.countAll().as('requests'),
    fn.sum<number | null>('attempts.input_tokens').as('inputTokens'),
    fn.sum<number | null>('attempts.output_tokens').as('outputTokens'),
    fn.sum<number | null>('attempts.cost_usd_nanos').as('costUsdNanos'),
    fn.count('attempts.cost_usd_nanos').as('known'),
    fn.max<number | null>('attempts.created_at').as('lastUsedAt'),
  ] as const
}
