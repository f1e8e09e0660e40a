// Sums over requests and the rows behind one receipt, for SQLite and PostgreSQL alike.
// Percentiles are exact, by nearest rank: of n durations in order, the one at place ⌈n·p⌉, so always one that occurred.
// Interrupted requests have no duration and do not count there. Only integer arithmetic on literals is left to SQL:
// both databases do it the same way.
import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { AttemptTable, RequestTable } from '../../database/schema.ts'
import type { Day } from './days.ts'
import { INTERRUPTED } from './records.ts'

export type GroupColumn = 'provider' | 'model' | 'provider_key_id' | 'api_key_id' | 'billed_to' | 'user_id'
export type GroupKey = GroupColumn | 'day'

/** Whose requests: one owner's, or, said in so many words, everybody's. */
export type UsageScope = { readonly userId: string; readonly providerKeyId?: string } | { readonly everyone: true }

export interface UsageSelection {
  readonly scope: UsageScope
  readonly from: number
  readonly to: number
}

export interface UsageSums {
  readonly requests: number
  readonly errors: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
  readonly reasoningTokens: number
  readonly costNanos: number
  readonly unknownCostRequests: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
}

export interface GroupSums extends UsageSums {
  /** Values in the order of the keys asked for; a day is an index into `days`. */
  readonly keys: readonly (string | number | null)[]
}

export interface UsageStore {
  sumByGroup(
    selection: UsageSelection,
    keys: readonly GroupKey[],
    days: readonly Day[],
    limit: number,
  ): Promise<GroupSums[]>
  findPercentiles(selection: UsageSelection): Promise<Pick<UsageSums, 'p50Ms' | 'p95Ms'>>
  findRequest(id: string, userId: string): Promise<{ request: RequestTable; attempts: AttemptTable[] } | undefined>
}

type SumRow = Record<string, string | number | null>

export function createUsageStore(database: Pick<Database, 'query'>): UsageStore {
  const { query } = database

  return {
    async sumByGroup(selection, keys, days, limit) {
      const columns = keys.map((key) => (key === 'day' ? dayIndex(days) : sql`${sql.ref(key)}`))
      const { rows } = await sql<SumRow>`${sumStatement(selection, columns)} LIMIT ${limit}`.execute(query)
      return rows.map((row) => ({ keys: keys.map((_, i) => row[`key_${i}`] ?? null), ...toSums(row) }))
    },
    async findPercentiles(selection) {
      const { rows } = await sumStatement(selection, []).execute(query)
      const { p50Ms, p95Ms } = toSums(rows[0]!)
      return { p50Ms, p95Ms }
    },
    async findRequest(id, userId) {
      const request = await query
        .selectFrom('requests')
        .selectAll()
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .executeTakeFirst()
      if (request === undefined) return undefined
      const attempts = await query
        .selectFrom('attempts')
        .selectAll()
        .where('request_id', '=', id)
        .where('user_id', '=', userId)
        .orderBy('attempt')
        .execute()
      return { request, attempts }
    },
  }
}

function sumStatement(selection: UsageSelection, columns: readonly RawBuilder<unknown>[]): RawBuilder<SumRow> {
  const named = columns.map((column, i) => sql`${column} AS ${sql.ref(`key_${i}`)},`)
  const keys = columns.map((_, i) => sql.ref(`key_${i}`))
  const partition = sql.join([...keys, sql.ref('untimed')])
  return sql<SumRow>`
    SELECT ${keys.length === 0 ? sql`` : sql`${sql.join(keys)},`}
      COUNT(*) AS requests,
      COALESCE(SUM(CASE WHEN status >= 400 OR error_code IS NOT NULL THEN 1 ELSE 0 END), 0) AS errors,
      COALESCE(SUM(input_tokens), 0) AS input_tokens,
      COALESCE(SUM(output_tokens), 0) AS output_tokens,
      COALESCE(SUM(cache_read_tokens), 0) AS cache_read_tokens,
      COALESCE(SUM(cache_write_tokens), 0) AS cache_write_tokens,
      COALESCE(SUM(reasoning_tokens), 0) AS reasoning_tokens,
      COALESCE(SUM(cost_usd_nanos), 0) AS cost_usd_nanos,
      COALESCE(SUM(CASE WHEN cost_usd_nanos IS NULL AND attempts > 0 THEN 1 ELSE 0 END), 0) AS unknown_cost_requests,
      MAX(CASE WHEN untimed = 0 AND place = (timed * 50 + 99) / 100 THEN duration_ms END) AS p50_ms,
      MAX(CASE WHEN untimed = 0 AND place = (timed * 95 + 99) / 100 THEN duration_ms END) AS p95_ms
    FROM (
      SELECT picked.*,
        ROW_NUMBER() OVER (PARTITION BY ${partition} ORDER BY duration_ms) AS place,
        COUNT(*) OVER (PARTITION BY ${partition}) AS timed
      FROM (
        SELECT ${sql.join(named, sql` `)}
          CASE WHEN outcome = ${sql.lit(INTERRUPTED)} THEN 1 ELSE 0 END AS untimed,
          status, error_code, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
          cost_usd_nanos, attempts, duration_ms
        FROM requests
        WHERE ${scopeCondition(selection.scope)} created_at >= ${selection.from} AND created_at < ${selection.to}
      ) picked
    ) placed
    ${keys.length === 0 ? sql`` : sql`GROUP BY ${sql.join(keys)}`}`
}

function scopeCondition(scope: UsageScope): RawBuilder<unknown> {
  if ('everyone' in scope) return sql``
  const owned = sql`user_id = ${scope.userId} AND`
  return scope.providerKeyId === undefined ? owned : sql`${owned} provider_key_id = ${scope.providerKeyId} AND`
}

const DAY_MS = 86_400_000

/** The index of the day a request falls on: a division within runs of whole days, so one branch per change of the clock. */
function dayIndex(days: readonly Day[]): RawBuilder<unknown> {
  const branches: RawBuilder<unknown>[] = []
  days.forEach(({ start, end }, i) => {
    const before = days[i - 1]
    const isWhole = end - start === DAY_MS
    if (isWhole && before !== undefined && before.end - before.start === DAY_MS) return
    const since = sql`created_at >= ${sql.lit(start)}`
    const index = isWhole
      ? sql`${sql.lit(i)} + (created_at - ${sql.lit(start)}) / ${sql.lit(DAY_MS)}`
      : sql`${sql.lit(i)}`
    branches.unshift(sql`WHEN ${since} THEN ${index}`)
  })
  return sql`CASE ${sql.join(branches, sql` `)} END`
}

function toSums(row: SumRow): UsageSums {
  const count = (name: string): number => Number(row[name] ?? 0)
  const duration = (name: string): number | null => (row[name] === null ? null : Number(row[name]))
  return {
    requests: count('requests'),
    errors: count('errors'),
    inputTokens: count('input_tokens'),
    outputTokens: count('output_tokens'),
    cacheReadTokens: count('cache_read_tokens'),
    cacheWriteTokens: count('cache_write_tokens'),
    reasoningTokens: count('reasoning_tokens'),
    costNanos: count('cost_usd_nanos'),
    unknownCostRequests: count('unknown_cost_requests'),
    p50Ms: duration('p50_ms'),
    p95Ms: duration('p95_ms'),
  }
}
