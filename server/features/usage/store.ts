// Sums over requests and their calls, and the rows behind one receipt, for SQLite and PostgreSQL alike.
// Requests, errors and durations are counted where a request ended; tokens and cost where they arose, call by call, so
// that a call which failed on one's own key after the provider ran it is never shown as the server's. Both lie in the
// range by the time of the request. What UniRoute answered itself is no use of a model and is left out.
// Percentiles are exact, by nearest rank: of n durations in order, the one at place ⌈n·p⌉, so always one that occurred.
// Interrupted requests have no duration and do not count there. Only integer arithmetic on literals is left to SQL:
// both databases do it the same way.
import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { AttemptTable, RequestTable } from '../../database/schema.ts'
import type { Day } from './days.ts'
import { INTERRUPTED, READ_OPERATIONS } from './records.ts'

export type GroupColumn = 'provider' | 'model' | 'provider_key_id' | 'api_key_id' | 'billed_to' | 'user_id'
export type GroupKey = GroupColumn | 'day' | 'fallback'

/** Whose requests: one owner's, all that one key paid for, or, said in so many words, everybody's. */
export type UsageScope = { readonly userId: string } | { readonly providerKeyId: string } | { readonly everyone: true }

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
      const columnsOf = (table: 'requests' | 'attempts') =>
        keys.map((key) => {
          if (key === 'day') return dayIndex(days)
          return key === 'fallback' ? REASON_OF[table] : sql`${sql.ref(`${table}.${key}`)}`
        })
      const [ended, spent] = await Promise.all([
        sql<SumRow>`${sumRequests(selection, columnsOf('requests'))} LIMIT ${limit}`.execute(query),
        sql<SumRow>`${sumCalls(selection, columnsOf('attempts'))} LIMIT ${limit}`.execute(query),
      ])
      const groups = new Map<string, SumRow>()
      for (const row of [...ended.rows, ...spent.rows]) {
        const name = JSON.stringify(keys.map((_, i) => row[`key_${i}`] ?? null))
        groups.set(name, { ...groups.get(name), ...row })
      }
      return [...groups.values()].map((row) => ({ keys: keys.map((_, i) => row[`key_${i}`] ?? null), ...toSums(row) }))
    },
    async findPercentiles(selection) {
      const { rows } = await sumRequests(selection, []).execute(query)
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

function sumCalls(selection: UsageSelection, columns: readonly RawBuilder<unknown>[]): RawBuilder<SumRow> {
  const named = columns.map((column, i) => sql`${column} AS ${sql.ref(`key_${i}`)},`)
  const keys = sql.join(columns.map((_, i) => sql.ref(`key_${i}`)))
  return sql<SumRow>`
    SELECT ${keys},
      COALESCE(SUM(input_tokens), 0) AS input_tokens,
      COALESCE(SUM(output_tokens), 0) AS output_tokens,
      COALESCE(SUM(cache_read_tokens), 0) AS cache_read_tokens,
      COALESCE(SUM(cache_write_tokens), 0) AS cache_write_tokens,
      COALESCE(SUM(reasoning_tokens), 0) AS reasoning_tokens,
      COALESCE(SUM(cost_usd_nanos), 0) AS cost_usd_nanos
    FROM (
      SELECT ${sql.join(named, sql` `)}
        attempts.input_tokens, attempts.output_tokens, attempts.cache_read_tokens, attempts.cache_write_tokens,
        attempts.reasoning_tokens, attempts.cost_usd_nanos
      FROM requests JOIN attempts ON attempts.request_id = requests.id
      WHERE ${isSelected(selection, 'attempts')}
    ) picked
    GROUP BY ${keys}`
}

function sumRequests(selection: UsageSelection, columns: readonly RawBuilder<unknown>[]): RawBuilder<SumRow> {
  const named = columns.map((column, i) => sql`${column} AS ${sql.ref(`key_${i}`)},`)
  const keys = columns.map((_, i) => sql.ref(`key_${i}`))
  const partition = sql.join([...keys, sql.ref('untimed')])
  return sql<SumRow>`
    SELECT ${keys.length === 0 ? sql`` : sql`${sql.join(keys)},`}
      COUNT(*) AS requests,
      COALESCE(SUM(CASE WHEN status >= 400 OR error_code IS NOT NULL THEN 1 ELSE 0 END), 0) AS errors,
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
          status, error_code, cost_usd_nanos, attempts, duration_ms
        FROM requests
        WHERE ${isSelected(selection, 'requests')}
      ) picked
    ) placed
    ${keys.length === 0 ? sql`` : sql`GROUP BY ${sql.join(keys)}`}`
}

/** `paid`: the table that says which key paid. */
function isSelected({ scope, from, to }: UsageSelection, paid: 'requests' | 'attempts'): RawBuilder<unknown> {
  const inRange = sql`requests.created_at >= ${from} AND requests.created_at < ${to}
    AND requests.operation NOT IN (${sql.join(READ_OPERATIONS.map((name) => sql.lit(name)))})`
  if ('everyone' in scope) return inRange
  if ('userId' in scope) return sql`${inRange} AND requests.user_id = ${scope.userId}`
  return sql`${inRange} AND ${sql.ref(`${paid}.provider_key_id`)} = ${scope.providerKeyId}`
}

/** A request has one reason, that of the last key; what its calls on the owner's keys cost before has none. */
const REASON_OF = {
  requests: sql`requests.fallback`,
  attempts: sql`CASE WHEN attempts.billed_to = 'user' THEN 'none' ELSE requests.fallback END`,
}

const DAY_MS = 86_400_000

/** The index of the day a request falls on: a division within runs of whole days, so one branch per change of the clock. */
function dayIndex(days: readonly Day[]): RawBuilder<unknown> {
  const branches: RawBuilder<unknown>[] = []
  days.forEach(({ start, end }, i) => {
    const before = days[i - 1]
    const isWhole = end - start === DAY_MS
    if (isWhole && before !== undefined && before.end - before.start === DAY_MS) return
    const since = sql`requests.created_at >= ${sql.lit(start)}`
    const index = isWhole
      ? sql`${sql.lit(i)} + (requests.created_at - ${sql.lit(start)}) / ${sql.lit(DAY_MS)}`
      : sql`${sql.lit(i)}`
    branches.unshift(sql`WHEN ${since} THEN ${index}`)
  })
  return sql`CASE ${sql.join(branches, sql` `)} END`
}

function toSums(row: SumRow): UsageSums {
  const count = (name: string): number => Number(row[name] ?? 0)
  const duration = (name: string): number | null => ((row[name] ?? null) === null ? null : Number(row[name]))
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
