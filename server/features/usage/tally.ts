// What is counted of requests and their calls, said once in SQL for both databases.
// Requests, errors and durations are counted where a request ended; tokens and cost where they arose, call by call, so
// that a call which failed on one's own key after the provider ran it is never shown as the server's. Both lie in the
// range by the time of the request. What UniRoute answered itself is no use of a model and is left out.
// Durations are kept one by one, as text: percentiles are exact. Interrupted requests have no duration, and a first
// byte counts where the answer was streamed.
import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/database.ts'
import { INTERRUPTED, READ_OPERATIONS } from './records.ts'

export type GroupColumn = 'provider' | 'model' | 'provider_key_id' | 'api_key_id' | 'billed_to' | 'user_id'
export type GroupKey = GroupColumn | 'day' | 'fallback'

/** Whose requests: one owner's, all that one key paid for, or, said in so many words, everybody's. */
export type UsageScope = { readonly userId: string } | { readonly providerKeyId: string } | { readonly everyone: true }

/** Only those with this value; null: with none. */
export type UsageFilters = Readonly<Partial<Record<GroupColumn, string | null>>>

export interface UsageSelection {
  readonly scope: UsageScope
  readonly filters: UsageFilters
  readonly from: number
  readonly to: number
}

/** Where a request ended. */
const ENDED = {
  requests: sql`COUNT(*)`,
  cancelled: countWhere(sql`status = 499`),
  rate_limited: countWhere(sql`status = 429`),
  client_errors: countWhere(sql`status >= 400 AND status < 500 AND status <> 499 AND status <> 429`),
  server_errors: countWhere(sql`status >= 500`),
  broken_off: countWhere(sql`status < 400 AND error_code IS NOT NULL`),
  unknown_cost_requests: countWhere(sql`cost_usd_nanos IS NULL AND attempts > 0`),
}

/** Where tokens and cost arose. */
const SPENT = {
  input_tokens: total('input_tokens'),
  output_tokens: total('output_tokens'),
  cache_read_tokens: total('cache_read_tokens'),
  cache_write_tokens: total('cache_write_tokens'),
  reasoning_tokens: total('reasoning_tokens'),
  cost_usd_nanos: total('cost_usd_nanos'),
  computed_usd_nanos: costFrom('computed'),
  estimated_usd_nanos: costFrom('estimated'),
}

export const SUMS = [...namesOf(ENDED), ...namesOf(SPENT)]
export type SumName = keyof typeof ENDED | keyof typeof SPENT

export function createSums(): Record<SumName, number> {
  return Object.fromEntries(SUMS.map((name) => [name, 0])) as Record<SumName, number>
}

export type TallyRow = Readonly<Record<string, string | number | null>>
type Kind = Database['kind']

/** The sums of a range by keys, named `key_0` …, then every column of `SUMS`, `durations` and `first_bytes`. */
export function tally(
  kind: Kind,
  keysOf: (table: 'requests' | 'attempts') => readonly RawBuilder<unknown>[],
  selection: UsageSelection,
): RawBuilder<TallyRow> {
  const ended = tallyRequests(kind, keysOf('requests'), isSelected(selection, 'requests'))
  const spent = tallyCalls(keysOf('attempts'), isSelected(selection, 'attempts'))
  const keys = keysOf('requests')
  return sql<TallyRow>`
    SELECT ${listKeys(keys)} ${addUp(kind)} FROM (${ended} UNION ALL ${spent}) counted ${groupBy(keys)}`
}

function tallyRequests(kind: Kind, keys: readonly RawBuilder<unknown>[], where: RawBuilder<unknown>) {
  return sql<TallyRow>`
    SELECT ${listKeys(keys)} ${listSums(ENDED)},
      ${joinValues(kind, sql`CASE WHEN outcome <> ${sql.lit(INTERRUPTED)} THEN duration_ms END`)} AS durations,
      ${joinValues(kind, sql`CASE WHEN streamed THEN first_byte_ms END`)} AS first_bytes
    FROM (
      SELECT ${nameKeys(keys)} status, error_code, cost_usd_nanos, attempts, outcome, streamed, duration_ms, first_byte_ms
      FROM requests WHERE ${where}
    ) picked ${groupBy(keys)}`
}

/** The same columns of the calls of these requests. */
function tallyCalls(keys: readonly RawBuilder<unknown>[], where: RawBuilder<unknown>) {
  return sql<TallyRow>`
    SELECT ${listKeys(keys)} ${listSums(SPENT)}, NULL AS durations, NULL AS first_bytes
    FROM (
      SELECT ${nameKeys(keys)} attempts.input_tokens, attempts.output_tokens, attempts.cache_read_tokens,
        attempts.cache_write_tokens, attempts.reasoning_tokens, attempts.cost_usd_nanos, attempts.cost_source
      FROM requests JOIN attempts ON attempts.request_id = requests.id
      WHERE ${where}
    ) picked ${groupBy(keys)}`
}

export type DayTable = 'usage_days' | 'usage_day_totals'

/** What is not told apart in `usage_day_totals`. */
const IDS: readonly GroupKey[] = ['user_id', 'api_key_id', 'provider_key_id']

/** The sums of past days that are the fewest for these keys. */
export function chooseDayTable({ scope, filters }: UsageSelection, keys: readonly GroupKey[]): DayTable {
  const isApart = IDS.some((id) => keys.includes(id) || filters[id as GroupColumn] !== undefined)
  return 'everyone' in scope && !isApart ? 'usage_day_totals' : 'usage_days'
}

/** The same columns of days that were added up before. */
export function tallyDays(
  kind: Kind,
  keys: readonly RawBuilder<unknown>[],
  where: RawBuilder<unknown>,
  table: DayTable = 'usage_days',
) {
  return sql<TallyRow>`
    SELECT ${nameKeys(keys)} ${addUp(kind)}
    FROM ${sql.table(table)} WHERE ${where} ${keys.length === 0 ? sql`` : sql`GROUP BY ${sql.join(keys)}`}`
}

function addUp(kind: Kind): RawBuilder<unknown> {
  const sums = SUMS.map((name) => sql`SUM(${sql.ref(name)}) AS ${sql.ref(name)}`)
  const lists = ['durations', 'first_bytes'].map((name) => sql`${joinValues(kind, sql.ref(name))} AS ${sql.ref(name)}`)
  return sql.join([...sums, ...lists])
}

/** `table`: whose columns are meant; in `attempts` they say which call paid. */
function isSelected({ scope, filters, from, to }: UsageSelection, table: 'requests' | 'attempts'): RawBuilder<unknown> {
  const parts = [
    sql`requests.created_at >= ${from} AND requests.created_at < ${to}
      AND requests.operation NOT IN (${sql.join(READ_OPERATIONS.map((name) => sql.lit(name)))})`,
    ...('userId' in scope ? [sql`requests.user_id = ${scope.userId}`] : []),
    ...filtersOf(scope, filters).map(([name, value]) => equals(sql.ref(`${table}.${name}`), value)),
  ]
  return sql.join(parts, sql` AND `)
}

/** The same of days that were added up before. */
export function isSelectedDay({ scope, filters }: UsageSelection, builds: readonly string[]): RawBuilder<unknown> {
  const parts = [
    sql`build_id IN (${sql.join(builds)})`,
    ...('userId' in scope ? [sql`user_id = ${scope.userId}`] : []),
    ...filtersOf(scope, filters).map(([name, value]) => equals(sql.ref(name), value)),
  ]
  return sql.join(parts, sql` AND `)
}

/** A request has one reason, that of the last key; what its calls on the owner's keys cost before has none. */
export const REASON_OF = {
  requests: sql`requests.fallback`,
  attempts: sql`CASE WHEN attempts.billed_to = 'user' THEN 'none' ELSE requests.fallback END`,
}

function filtersOf(scope: UsageScope, filters: UsageFilters): [string, string | null][] {
  const paid: [string, string][] = 'providerKeyId' in scope ? [['provider_key_id', scope.providerKeyId]] : []
  return [
    ...paid,
    ...Object.entries(filters).filter((entry): entry is [string, string | null] => entry[1] !== undefined),
  ]
}

function equals(column: RawBuilder<unknown>, value: string | null): RawBuilder<unknown> {
  return value === null ? sql`${column} IS NULL` : sql`${column} = ${value}`
}

function namesOf<Name extends string>(columns: Readonly<Record<Name, unknown>>): Name[] {
  return Object.keys(columns) as Name[]
}

function countWhere(condition: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`COALESCE(SUM(CASE WHEN ${condition} THEN 1 ELSE 0 END), 0)`
}

function total(column: string): RawBuilder<unknown> {
  return sql`COALESCE(SUM(${sql.ref(column)}), 0)`
}

function costFrom(source: string): RawBuilder<unknown> {
  return sql`COALESCE(SUM(CASE WHEN cost_source = ${sql.lit(source)} THEN cost_usd_nanos END), 0)`
}

function listSums(columns: Readonly<Record<string, RawBuilder<unknown>>>): RawBuilder<unknown> {
  return sql.join(SUMS.map((name) => sql`${columns[name] ?? sql`0`} AS ${sql.ref(name)}`))
}

function nameKeys(keys: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join(
    keys.map((key, i) => sql`${key} AS ${sql.ref(`key_${i}`)},`),
    sql` `,
  )
}

function listKeys(keys: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql.join(
    keys.map((_, i) => sql`${sql.ref(`key_${i}`)},`),
    sql` `,
  )
}

function groupBy(keys: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return keys.length === 0 ? sql`` : sql`GROUP BY ${sql.join(keys.map((_, i) => sql.ref(`key_${i}`)))}`
}

function joinValues(kind: Kind, value: RawBuilder<unknown>): RawBuilder<unknown> {
  return kind === 'postgres' ? sql`string_agg(CAST(${value} AS TEXT), ',')` : sql`group_concat(${value})`
}
