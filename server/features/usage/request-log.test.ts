// The log of requests on both databases: its pages under every filter, compared with a plain filter over the same rows.
import { expect, test } from 'vitest'
import { requestDetailSchema, requestListSchema, requestsOfAllQuerySchema } from '../../../contract/requests.ts'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import type { Database } from '../../database/database.ts'
import type { AttemptTable, RequestTable } from '../../database/schema.ts'
import { createUlid } from '../../kernel/ids.ts'
import { createRequestLog, type LogScope, type RequestLog } from './request-log.ts'

const NOW = Date.parse('2026-11-22T15:00:00Z')
const [ANNA, BEN] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const
const KEYS = ['01J00000000000000000000000', '01J00000000000000000000001']
const ALL: LogScope = { everyone: true }

const open = (database: Database): RequestLog =>
  createRequestLog({ database, ledger: { flush: async () => undefined } })

/** Every combination that filters tell apart, at moments that some share. */
function makeRows(): RequestTable[] {
  const pick = <T>(values: readonly T[], n: number): T => values[n % values.length]!
  return Array.from({ length: 210 }, (_, n) => ({
    id: createUlid(NOW + n),
    // Every third shares its millisecond with the one before.
    created_at: NOW - 86_400_000 + (n - (n % 3 === 2 ? 1 : 0)) * 1_000,
    user_id: pick([ANNA, ANNA, BEN], n),
    team_id: null,
    api_key_id: pick([KEYS[0]!, KEYS[1]!, null], n >> 1),
    session_id: null,
    operation: pick(['chat', 'chat', 'messages', 'models', 'chat'], n),
    requested_model: 'm',
    model: pick(['gpt-4o', 'claude-x', null], n >> 2),
    provider: pick(['openai', 'anthropic'], n >> 2),
    client_dialect: 'openai-chat',
    upstream_dialect: 'openai-chat',
    status: pick([200, 200, 200, 429, 503], n >> 1),
    outcome: 'done',
    error_code: pick([null, null, 'upstream_error'], n >> 1),
    error_source: null,
    streamed: n % 2 === 0,
    billed_to: pick(['user', 'team', 'server', null], n),
    provider_key_id: pick([...KEYS, null], n),
    fallback: pick(['none', 'outage', null], n),
    warnings: '[]',
    attempts: 1,
    input_tokens: 3,
    cache_read_tokens: null,
    cache_write_tokens: null,
    cache_write_1h_tokens: null,
    output_tokens: null,
    reasoning_tokens: null,
    searches: null,
    cost_usd_nanos: pick([null, 0, 1_499], n),
    cost_source: 'computed',
    price_version: null,
    first_byte_ms: null,
    duration_ms: 5,
    client_request_id: null,
  }))
}

type Keep = (row: RequestTable) => boolean
const isError: Keep = ({ status, error_code: code }) => status >= 400 || code !== null
const FILTERS: readonly (readonly [Record<string, string>, Keep])[] = [
  [{}, () => true],
  [{ status: 'ok' }, (row) => !isError(row)],
  [{ status: 'error' }, isError],
  [{ status: '4xx' }, ({ status }) => status === 429],
  [{ status: '5xx' }, ({ status }) => status === 503],
  [{ provider_key: `pk_${KEYS[1]}` }, (row) => row.provider_key_id === KEYS[1]],
  [{ api_key: `ak_${KEYS[0]}` }, (row) => row.api_key_id === KEYS[0]],
  [{ api_key: 'none' }, (row) => row.api_key_id === null],
  [{ billed_to: 'server' }, (row) => row.billed_to === 'server'],
  [{ provider: 'anthropic' }, (row) => row.provider === 'anthropic'],
  [{ model: 'claude-x' }, (row) => row.model === 'claude-x'],
  [{ fell_back: 'true' }, (row) => row.fallback === 'outage'],
  [{ fell_back: 'true', status: 'error' }, (row) => row.fallback === 'outage' && isError(row)],
  [{ user: BEN }, (row) => row.user_id === BEN],
  [{ from: '2026-11-21T15:01:00Z' }, (row) => row.created_at >= NOW - 86_340_000],
  [{ to: '2026-11-21T15:01:00Z' }, (row) => row.created_at < NOW - 86_340_000],
  [{ to: '2026-11-21' }, () => true],
  [{ to: '2026-11-20' }, () => false],
  [{ provider_key: 'pk_nonsense' }, () => false],
]

async function readAll(log: RequestLog, filter: Record<string, string>, scope: LogScope, limit: number) {
  const ids: string[] = []
  let cursor: string | null = null
  do {
    const query = { ...filter, limit: String(limit), ...(cursor === null ? {} : { cursor }) }
    const page = await log.list(requestsOfAllQuerySchema.parse(query), scope)
    expect(requestListSchema.parse(page)).toEqual(page)
    expect(page.requests.length).toBeLessThanOrEqual(limit)
    ids.push(...page.requests.map(({ id }) => id))
    cursor = page.next
  } while (cursor !== null)
  return ids
}

describeOnEachDatabase('the log of requests', (openDatabase) => {
  test('pages hold what a plain filter finds, newest first, each once, whatever the page size', async () => {
    const database = await openDatabase()
    const rows = makeRows()
    await database.insertMany([{ table: 'requests', rows }])
    const log = open(database)
    const newestFirst = rows
      .filter(({ operation }) => operation !== 'models')
      .toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1))
    for (const [filter, keep] of FILTERS) {
      for (const scope of [ALL, { userId: ANNA }] as const) {
        const seen = newestFirst.filter((row) => keep(row) && ('everyone' in scope || row.user_id === scope.userId))
        for (const limit of [7, 200]) {
          const found = await readAll(log, filter, scope, limit)
          expect([filter, found]).toEqual([filter, seen.map(({ id }) => `req_${id}`)])
        }
      }
    }
    const [some] = newestFirst
    expect(await readAll(log, { id: `req_${some!.id}` }, ALL, 5)).toEqual([`req_${some!.id}`])
  })

  test('what is unknown is null and what is tiny is not nothing', async () => {
    const database = await openDatabase()
    await database.insertMany([{ table: 'requests', rows: makeRows().slice(0, 3) }])
    const { requests } = await open(database).list(requestsOfAllQuerySchema.parse({}), ALL)
    expect(requests.map((row) => row.cost_usd_micros)).toEqual([1, 0, null])
  })

  test('a request whole: each call with its dialect and cost; not there for others', async () => {
    const database = await openDatabase()
    const [, row] = makeRows() as [RequestTable, RequestTable]
    const warnings = JSON.stringify([{ path: 'top_k', action: 'dropped', why: 'unsupported' }])
    const attempt: AttemptTable = {
      request_id: row.id,
      attempt: 1,
      created_at: row.created_at,
      user_id: row.user_id,
      team_id: null,
      api_key_id: null,
      provider: 'anthropic',
      model: 'claude-x',
      dialect: 'anthropic-messages',
      provider_key_id: KEYS[0]!,
      billed_to: 'user',
      status: 529,
      outcome: 'overloaded',
      reason: 'outage',
      upstream_request_id: 'up_1',
      input_tokens: 7,
      cache_read_tokens: null,
      cache_write_tokens: null,
      cache_write_1h_tokens: null,
      output_tokens: null,
      reasoning_tokens: null,
      searches: null,
      cost_usd_nanos: null,
      cost_source: 'unknown',
      price_version: null,
      first_byte_ms: null,
      duration_ms: 4,
      lease_id: null,
      raw_usage: null,
    }
    const second = { ...attempt, attempt: 2, cost_usd_nanos: 2_000, cost_source: 'computed', price_version: 'v1' }
    await database.insertMany([
      { table: 'attempts', rows: [second, attempt] },
      { table: 'requests', rows: [{ ...row, warnings, error_code: 'upstream_error', error_source: 'upstream' }] },
    ])
    const log = open(database)
    const detail = await log.describe(`req_${row.id}`, { userId: row.user_id })
    expect(requestDetailSchema.parse(detail)).toEqual(detail)
    expect(detail).toMatchObject({
      user_id: row.user_id,
      error: { code: 'upstream_error', source: 'upstream' },
      warnings: [{ path: 'top_k' }],
      dialects: { client: 'openai-chat', upstream: 'openai-chat' },
      attempts: [
        { dialect: 'anthropic-messages', status: 529, usage: { input_tokens: 7 }, cost: { usd_micros: null } },
        { upstream_request_id: 'up_1', cost: { usd_micros: 2, source: 'computed', price_version: 'v1' } },
      ],
    })
    expect((await log.describe(row.id, ALL)).id).toBe(`req_${row.id}`)
    await expect(log.describe(row.id, { userId: BEN })).rejects.toMatchObject({ code: 'not_found' })
    await expect(log.describe('req_x', ALL)).rejects.toMatchObject({ code: 'not_found' })
  })
})

test('what is asked for is checked: unknown filters, cursors of no page, more than 200 lines', () => {
  const wrong = [{ state: 'ok' }, { cursor: '1' }, { limit: '201' }, { limit: '0' }, { status: '200' }, { from: 'x' }]
  for (const query of wrong) expect([query, requestsOfAllQuerySchema.safeParse(query).success]).toEqual([query, false])
})
