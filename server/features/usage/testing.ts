// A made-up ledger, and the same sums counted plainly, one row after the other; and what is told to a ledger of calls.
import type { UsageGroup } from '../../../contract/usage.ts'
import type { Database } from '../../database/database.ts'
import type { AttemptTable, RequestTable } from '../../database/schema.ts'
import { createUlid } from '../../kernel/ids.ts'
import { UNKNOWN_USAGE } from '../../protocols/canonical.ts'
import { dayAt } from './days.ts'
import { toMicros } from './receipt.ts'
import type { AttemptIntent, FinishedRequest, SettledAttempt } from './records.ts'

export const NOW = Date.parse('2026-11-22T15:00:00Z')
export const OWNERS = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']
export const [KEY_A, KEY_B] = ['01J00000000000000000000000', '01J00000000000000000000001'] as const

/** Always the same numbers, so that a failure can be looked at again. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state % below
  }
}

export function makeRequest(random: (below: number) => number, more: Partial<RequestTable> = {}): RequestTable {
  const pick = <T>(values: readonly T[]): T => values[random(values.length)]!
  const reached = random(10) > 0
  const known = random(10) > 1
  return {
    id: createUlid(NOW),
    created_at: Date.parse('2026-10-20T00:00:00Z') + random(20) * 86_400_000 + random(86_400_000),
    user_id: pick(OWNERS),
    team_id: null,
    api_key_id: pick([KEY_A, KEY_B, null]),
    session_id: null,
    operation: 'chat',
    requested_model: 'm',
    model: reached ? pick(['gpt-4o', 'GPT-4o', 'claude-x', 'ärger', '_']) : null,
    provider: reached ? pick(['openai', 'anthropic']) : null,
    client_dialect: 'openai-chat',
    upstream_dialect: null,
    status: pick([200, 200, 200, 404, 429, 503, 499]),
    outcome: pick(['done', 'done', 'done', 'interrupted']),
    error_code: pick([null, null, 'timeout']),
    error_source: null,
    streamed: random(3) > 0,
    billed_to: reached ? pick(['user', 'server', 'team']) : null,
    provider_key_id: reached ? pick([KEY_A, KEY_B, null]) : null,
    fallback: reached ? pick(['none', 'no_key', 'outage']) : null,
    warnings: '[]',
    attempts: reached ? 1 + random(3) : 0,
    input_tokens: known ? random(10_000) : null,
    cache_read_tokens: known ? random(100) : null,
    cache_write_tokens: pick([null, 5]),
    cache_write_1h_tokens: null,
    output_tokens: known ? random(1_000) : null,
    reasoning_tokens: pick([null, 7]),
    searches: null,
    cost_usd_nanos: known ? random(100_000) : null,
    cost_source: known ? 'computed' : 'unknown',
    price_version: null,
    first_byte_ms: pick([null, random(900)]),
    duration_ms: random(5_000),
    client_request_id: null,
    ...more,
  }
}

/** The calls of a request: as many as it says, each with a key, payer and cost of its own. */
export function makeCalls(random: (below: number) => number, request: RequestTable): AttemptTable[] {
  const pick = <T>(values: readonly T[]): T => values[random(values.length)]!
  return Array.from({ length: request.attempts }, (_, index) => {
    const known = random(4) > 0
    return {
      request_id: request.id,
      attempt: index + 1,
      // A call may begin on the next day: it belongs to its request all the same.
      created_at: request.created_at + random(3_600_000),
      user_id: request.user_id,
      team_id: null,
      api_key_id: request.api_key_id,
      lease_id: null,
      raw_usage: null,
      provider: pick(['openai', 'anthropic']),
      model: pick([request.model, 'gpt-4o', null]),
      dialect: 'openai-chat',
      provider_key_id: pick([KEY_A!, KEY_B!, null]),
      billed_to: pick(['user', 'server', 'team']),
      status: 200,
      outcome: 'done',
      reason: null,
      upstream_request_id: null,
      input_tokens: known ? random(10_000) : null,
      cache_read_tokens: known ? random(100) : null,
      cache_write_tokens: pick([null, 5]),
      cache_write_1h_tokens: null,
      output_tokens: known ? random(1_000) : null,
      reasoning_tokens: pick([null, 7]),
      searches: null,
      cost_usd_nanos: known ? random(100_000) : null,
      cost_source: known ? pick(['computed', 'provider', 'estimated']) : 'unknown',
      price_version: null,
      first_byte_ms: null,
      duration_ms: 1,
    }
  })
}

export async function insertWithCalls(
  database: Database,
  rows: RequestTable[],
  random: (below: number) => number,
): Promise<AttemptTable[]> {
  const calls = rows.flatMap((row) => makeCalls(random, row))
  await database.insertMany([
    { table: 'attempts', rows: calls },
    { table: 'requests', rows },
  ])
  return calls
}

const COLUMNS: Record<Exclude<UsageGroup, 'day' | 'fallback'>, keyof RequestTable & keyof AttemptTable> = {
  provider: 'provider',
  model: 'model',
  provider_key: 'provider_key_id',
  api_key: 'api_key_id',
  billed_to: 'billed_to',
  user: 'user_id',
}

/** The same answer, counted one by one. */
export function countPlainly(
  rows: readonly RequestTable[],
  calls: readonly AttemptTable[],
  groups: readonly UsageGroup[],
  timeZone: string,
  /** All requests of the range, where filters picked some and calls of others. */
  requests = rows,
) {
  const requestOf = new Map(requests.map((row) => [row.id, row]))
  const chosen = calls.filter((call) => requestOf.has(call.request_id))
  const figures = (of: readonly RequestTable[], calls: readonly AttemptTable[]) => {
    const sum = (column: keyof AttemptTable): number =>
      calls.reduce((total, call) => total + ((call[column] as number | null) ?? 0), 0)
    const durations = of
      .filter((row) => row.outcome !== 'interrupted')
      .map((row) => row.duration_ms)
      .sort((a, b) => a - b)
    const firstBytes = of
      .flatMap((row) => (row.streamed && row.first_byte_ms !== null ? [row.first_byte_ms] : []))
      .sort((a, b) => a - b)
    const rank = (percent: number, values = durations): number | null =>
      values[Math.ceil((values.length * percent) / 100) - 1] ?? null
    const costOf = (source: string): number =>
      calls.reduce((total, call) => total + (call.cost_source === source ? (call.cost_usd_nanos ?? 0) : 0), 0)
    const classOf = (row: RequestTable): string | null => {
      if (row.status === 499) return 'cancelled'
      if (row.status === 429) return 'rate_limited'
      if (row.status >= 500) return 'server_errors'
      if (row.status >= 400) return 'client_errors'
      return row.error_code === null ? null : 'broken_off'
    }
    const ofClass = (name: string): number => of.filter((row) => classOf(row) === name).length
    return {
      requests: of.length,
      errors: of.filter((row) => row.status >= 400 || row.error_code !== null).length,
      errors_by_class: {
        cancelled: ofClass('cancelled'),
        rate_limited: ofClass('rate_limited'),
        client_errors: ofClass('client_errors'),
        server_errors: ofClass('server_errors'),
        broken_off: ofClass('broken_off'),
      },
      input_tokens: sum('input_tokens'),
      output_tokens: sum('output_tokens'),
      cache_read_tokens: sum('cache_read_tokens'),
      cache_write_tokens: sum('cache_write_tokens'),
      reasoning_tokens: sum('reasoning_tokens'),
      cost_usd_micros: toMicros(sum('cost_usd_nanos')),
      cost_usd_nanos: sum('cost_usd_nanos'),
      computed_usd_nanos: costOf('computed'),
      estimated_usd_nanos: costOf('estimated'),
      unknown_cost_requests: of.filter((row) => row.cost_usd_nanos === null && row.attempts > 0).length,
      p50_ms: rank(50),
      p95_ms: rank(95),
      p99_ms: rank(99),
      first_byte_p50_ms: rank(50, firstBytes),
      first_byte_p95_ms: rank(95, firstBytes),
    }
  }
  const reasonOf = (row: RequestTable | AttemptTable): string | null => {
    if ('fallback' in row) return row.fallback
    return row.billed_to === 'user' ? 'none' : requestOf.get(row.request_id)!.fallback
  }
  const keysOf = (row: RequestTable | AttemptTable, at: number): string => {
    const keys = Object.fromEntries(
      groups.map((group) => {
        if (group === 'day') return [group, dayAt(timeZone, at)]
        if (group === 'fallback') return [group, reasonOf(row)]
        const value = row[COLUMNS[group]]
        const prefix = group === 'api_key' ? 'ak_' : group === 'provider_key' ? 'pk_' : ''
        return [group, value === null ? null : `${prefix}${value}`]
      }),
    )
    return JSON.stringify(keys)
  }
  const ended = Map.groupBy(rows, (row) => keysOf(row, row.created_at))
  const spent = Map.groupBy(chosen, (call) => keysOf(call, requestOf.get(call.request_id)!.created_at))
  return {
    groups: [...new Set([...ended.keys(), ...spent.keys()])].map((keys) => ({
      ...JSON.parse(keys),
      ...figures(ended.get(keys) ?? [], spent.get(keys) ?? []),
    })),
    total: figures(rows, chosen),
  }
}

export function describeIntent(requestId: string, attempt: number, more: Partial<AttemptIntent> = {}): AttemptIntent {
  return {
    requestId,
    attempt,
    at: 1_700_000_000_000,
    userId: 'u1',
    teamId: null,
    apiKeyId: 'a1',
    sessionId: null,
    operation: 'chat',
    clientDialect: 'openai-chat',
    dialect: 'openai-chat',
    provider: 'openai',
    model: 'gpt-4o',
    requestedModel: 'gpt-4o',
    providerKeyId: 'k1',
    billedTo: 'user',
    promptEstimate: 1000,
    streamed: false,
    ...more,
  }
}

export function describeSettled(
  requestId: string,
  attempt: number,
  more: Partial<SettledAttempt> = {},
): SettledAttempt {
  return {
    requestId,
    attempt,
    status: 200,
    outcome: 'done',
    reason: null,
    upstreamRequestId: null,
    usage: { ...UNKNOWN_USAGE, input: 7, output: 3 },
    cost: { usdNanos: 42, source: 'computed', priceVersion: 'v' },
    firstByteMs: 1.4,
    durationMs: 2.6,
    ...more,
  }
}

export function describeFinished(requestId: string, more: Partial<FinishedRequest> = {}): FinishedRequest {
  return {
    requestId,
    createdAt: 1_700_000_000_000,
    userId: 'u1',
    teamId: null,
    apiKeyId: 'a1',
    sessionId: null,
    operation: 'chat',
    requestedModel: 'gpt-4o',
    model: 'gpt-4o',
    provider: 'openai',
    clientDialect: 'openai-chat',
    upstreamDialect: 'openai-chat',
    status: 200,
    outcome: 'done',
    errorCode: null,
    errorSource: null,
    streamed: false,
    billedTo: 'user',
    providerKeyId: 'k1',
    fallback: 'none',
    warnings: [],
    attempts: 1,
    usage: { ...UNKNOWN_USAGE, input: 7, output: 3 },
    cost: { usdNanos: 42, source: 'computed', priceVersion: 'v' },
    firstByteMs: 1,
    durationMs: 3,
    clientRequestId: null,
    ...more,
  }
}

export async function readRequests(database: Database) {
  return database.query.selectFrom('requests').selectAll().orderBy('id').execute()
}

export async function readAttempts(database: Database) {
  return database.query.selectFrom('attempts').selectAll().orderBy('request_id').orderBy('attempt').execute()
}
