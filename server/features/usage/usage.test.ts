// Summaries and receipts on both databases: compared with a plain count over the same rows.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  receiptSchema,
  USAGE_GROUPS_OF_ALL,
  usageAnswerSchema,
  type UsageGroup,
  type UsageQuery,
  usageOfAllQuerySchema,
  usageQuerySchema,
} from '../../../contract/usage.ts'
import { describeOnEachDatabase, silentLog } from '../../../test/support/databases.ts'
import type { Database } from '../../database/database.ts'
import { validate } from '../../http/validation.ts'
import type { Clock } from '../../kernel/clock.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createUlid, isUlid } from '../../kernel/ids.ts'
import { UNKNOWN_USAGE } from '../../protocols/canonical.ts'
import { createLedger } from './ledger.ts'
import { createUsageRoutes } from './routes.ts'
import { toMicros } from './receipt.ts'
import { createUsage, type UsageReports } from './service.ts'
import { createUsageStore } from './store.ts'
import {
  countPlainly,
  createRandom,
  insertWithCalls,
  KEY_A,
  KEY_B,
  makeCalls,
  makeRequest,
  NOW,
  OWNERS,
} from './testing.ts'

const clock: Clock = { now: () => NOW, monotonic: () => performance.now() }

function open(database: Database): UsageReports {
  return createUsage({ store: createUsageStore(database), ledger: { flush: async () => {} }, clock })
}

/** Ranges, groupings and zones; in `npm run test:nightly` more of them. */
const QUESTIONS = process.env['WHOLE_TABLES'] === 'yes' ? 200 : 15

describeOnEachDatabase('usage summaries', (openDatabase) => {
  test('equal a plain count, for every grouping, range and time zone', async () => {
    const database = await openDatabase()
    const random = createRandom(7)
    const rows = Array.from({ length: 1_500 }, () => makeRequest(random))
    // The very edges of a day with a change of clocks.
    for (const edge of [
      '2026-10-24T21:59:59.999Z',
      '2026-10-24T22:00:00Z',
      '2026-10-25T22:59:59.999Z',
      '2026-10-25T23:00:00Z',
      '2026-10-31T22:59:59.999Z',
    ]) {
      rows.push(makeRequest(random, { created_at: Date.parse(edge), user_id: OWNERS[0]! }))
    }
    const calls = await insertWithCalls(database, rows, random)
    const usage = open(database)
    const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata']
    for (let i = 0; i < QUESTIONS; i++) {
      const groups = USAGE_GROUPS_OF_ALL.filter(() => random(3) === 0)
      if (groups.length === 0) groups.push('day')
      const timeZone = zones[random(zones.length)]!
      const from = Date.parse('2026-10-19T00:00:00Z') + random(10 * 86_400_000)
      const to = from + 1 + random(15 * 86_400_000)
      const query = {
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        time_zone: timeZone,
        group_by: groups.join(','),
      }
      const owner = random(2) === 0 ? OWNERS[0]! : undefined
      const answer = await usage.summarise(query, owner === undefined ? { everyone: true } : { userId: owner })
      const chosen = rows.filter(
        (row) => row.created_at >= from && row.created_at < to && (owner === undefined || row.user_id === owner),
      )
      const expected = countPlainly(chosen, calls, groups, timeZone)
      expect(usageAnswerSchema.parse(answer)).toEqual(answer)
      const inOrder = (list: object[]) => list.map((one) => JSON.stringify(one)).sort()
      expect(inOrder(answer.groups)).toEqual(inOrder(expected.groups))
      expect(answer.total).toEqual(expected.total)
      for (const [group, subtotals] of Object.entries(answer.subtotals ?? {})) {
        const plain = countPlainly(chosen, calls, [group as UsageGroup], timeZone)
        expect(inOrder(subtotals)).toEqual(inOrder(plain.groups))
      }
    }
  })

  test('the total is the sum of the groups; rounded cost differs by no more than the rounding', async () => {
    const database = await openDatabase()
    const random = createRandom(11)
    const rows = Array.from({ length: 300 }, () => makeRequest(random))
    await insertWithCalls(database, rows, random)
    const usage = open(database)
    const ofDays = await usage.summarise({ from: '2026-10-01', to: '2026-11-21', group_by: 'day' }, { everyone: true })
    const ofModels = await usage.summarise(
      { from: '2026-10-01', to: '2026-11-21', group_by: 'model,user' },
      { everyone: true },
    )
    expect(ofDays.total).toEqual(ofModels.total)
    for (const { groups, total } of [ofDays, ofModels]) {
      for (const figure of [
        'requests',
        'errors',
        'input_tokens',
        'output_tokens',
        'cache_read_tokens',
        'cache_write_tokens',
        'reasoning_tokens',
        'unknown_cost_requests',
      ] as const) {
        expect(
          groups.reduce((sum, group) => sum + group[figure], 0),
          figure,
        ).toBe(total[figure])
      }
      const ofGroups = groups.reduce((sum, group) => sum + group.cost_usd_micros, 0)
      expect(Math.abs(ofGroups - total.cost_usd_micros)).toBeLessThanOrEqual(groups.length / 2 + 1)
    }
    expect(ofDays.total.requests).toBe(300)
  })

  test("one's own are one's own, and one provider key's its own", async () => {
    const database = await openDatabase()
    const random = createRandom(3)
    const rows = Array.from({ length: 60 }, () => makeRequest(random))
    await database.insertMany([{ table: 'requests', rows }])
    const routes = createUsageRoutes({ usage: open(database) })
    const [own, all] = routes.map((route) => route.path)
    expect([own, all]).toEqual(['/admin/usage', '/admin/usage/all'])
    expect(routes.map((route) => route.role)).toEqual(['user', 'admin', 'user', 'admin'])
    const ask = async (i: number, userId: string) =>
      (await routes[i]!.handle({ query: { from: '2026-10-01' }, principal: { userId } } as never)).body as {
        total: { requests: number }
      }
    const mine = rows.filter((row) => row.user_id === OWNERS[0]).length
    expect((await ask(0, OWNERS[0]!)).total.requests).toBe(mine)
    expect((await ask(0, 'nobody')).total.requests).toBe(0)
    expect((await ask(1, 'nobody')).total.requests).toBe(60)
    const ofKey = await open(database).summarise({ from: '2026-10-01' }, { providerKeyId: KEY_A! })
    expect(ofKey.total.requests).toBe(rows.filter((row) => row.provider_key_id === KEY_A).length)
  })

  test('what one key paid for a request that ended on another stands with the key that paid', async () => {
    const database = await openDatabase()
    const random = createRandom(13)
    const at = { created_at: Date.parse('2026-11-20T10:00:00Z'), user_id: OWNERS[0]!, status: 200, error_code: null }
    const row = makeRequest(random, {
      ...at,
      attempts: 2,
      billed_to: 'server',
      provider_key_id: null,
      cost_usd_nanos: 9_000,
    })
    const [first, second] = makeCalls(random, row)
    await database.insertMany([
      {
        table: 'attempts',
        rows: [
          { ...first!, billed_to: 'user', provider_key_id: KEY_A!, cost_usd_nanos: 2_000, cost_source: 'estimated' },
          { ...second!, billed_to: 'server', provider_key_id: null, cost_usd_nanos: 7_000 },
        ],
      },
      { table: 'requests', rows: [row] },
    ])
    const usage = open(database)
    const { groups, total } = await usage.summarise({ group_by: 'billed_to' }, { userId: OWNERS[0]! })
    expect(groups).toMatchObject([
      { billed_to: 'server', requests: 1, cost_usd_micros: 7 },
      { billed_to: 'user', requests: 0, cost_usd_micros: 2, p50_ms: null },
    ])
    expect(total).toMatchObject({ requests: 1, cost_usd_micros: 9, unknown_cost_requests: 0 })
    const ofKey = await usage.summarise({}, { providerKeyId: KEY_A! })
    expect(ofKey.total).toMatchObject({ requests: 0, cost_usd_micros: 2 })
  })

  test('model lists, receipts and explanations are no use of a model, refused ones no errors', async () => {
    const database = await openDatabase()
    const random = createRandom(17)
    const at = { created_at: Date.parse('2026-11-20T10:00:00Z'), attempts: 0, status: 404, error_code: 'not_found' }
    const rows = ['models', 'receipt', 'explain', 'chat'].map((operation) => makeRequest(random, { ...at, operation }))
    await database.insertMany([{ table: 'requests', rows }])
    const answer = await open(database).summarise({}, { everyone: true })
    expect(answer.total).toMatchObject({ requests: 1, errors: 1 })
    expect(answer.groups).toHaveLength(1)
  })

  test('without a range it is the last thirty days of the zone, up to now', async () => {
    const database = await openDatabase()
    const answer = await open(database).summarise({ time_zone: 'Europe/Berlin' }, { everyone: true })
    expect(answer).toMatchObject({ from: '2026-10-23T22:00:00.000Z', to: '2026-11-22T15:00:00.000Z', groups: [] })
    expect(answer.total).toMatchObject({ requests: 0, cost_usd_micros: 0, p50_ms: null, p95_ms: null })
  })

  test('a day as the end of a range is included, a moment is not', async () => {
    const database = await openDatabase()
    const random = createRandom(5)
    await database.insertMany([
      { table: 'requests', rows: [makeRequest(random, { created_at: Date.parse('2026-10-02T23:59:59.999Z') })] },
    ])
    const count = async (query: UsageQuery) =>
      (await open(database).summarise(query, { everyone: true })).total.requests
    expect(await count({ from: '2026-10-02', to: '2026-10-02' })).toBe(1)
    expect(await count({ from: '2026-10-02', to: '2026-10-02T23:59:59.999Z' })).toBe(0)
    expect(await count({ from: '2026-10-02', to: '2026-10-03', time_zone: 'Asia/Tokyo' })).toBe(1)
    expect(await count({ from: '2026-10-02', to: '2026-10-02', time_zone: 'Asia/Tokyo' })).toBe(0)
  })

  test('a range that is empty or too long is refused with a sentence', async () => {
    const usage = open(await openDatabase())
    await expect(usage.summarise({ from: '2026-10-02', to: '2026-10-01' }, { everyone: true })).rejects.toThrow(
      'before it begins',
    )
    await expect(usage.summarise({ from: '2020-01-01' }, { everyone: true })).rejects.toMatchObject({
      code: 'validation_failed',
      status: 400,
    })
  })
})

describe('what is asked for is checked', () => {
  const refused: [string, unknown][] = [
    ['a day that is none', { from: '2026-02-31' }],
    ['a moment without zone', { from: '2026-02-01T00:00:00' }],
    ['words', { to: 'yesterday' }],
    ['a zone that is none', { time_zone: 'Mars/Olympus' }],
    ['an unknown group', { group_by: 'day,colour' }],
    ['a group twice', { group_by: 'day,day' }],
    ['an empty group', { group_by: '' }],
    ['users, of one’s own', { group_by: 'user' }],
    ['an unknown parameter', { groupby: 'day' }],
    ['a name every object has', { group_by: 'constructor' }],
  ]
  for (const [name, query] of refused) {
    test(`${name}: 400 that names the field and not the value`, () => {
      expect(() => validate(usageQuerySchema, query)).toThrow(expect.objectContaining({ code: 'validation_failed' }))
    })
  }

  test('what is right passes', () => {
    for (const from of ['2026-02-28', '2026-02-28T10:00:00Z', '2026-02-28T10:00:00.123+05:30']) {
      expect(
        validate(usageOfAllQuerySchema, { from, group_by: 'user,day', time_zone: 'America/New_York' }),
      ).toMatchObject({ from })
    }
  })
})

test('micro-dollars are rounded half up, and never down to nothing', () => {
  expect([0, 1, 499, 500, 1000, 1499, 1500, 2500, 1_000_000_000].map(toMicros)).toEqual([
    0, 1, 1, 1, 1, 1, 2, 3, 1_000_000,
  ])
})

describeOnEachDatabase('receipts', (openDatabase) => {
  test('say what happened, as soon as it has, to the owner only', async () => {
    const database = await openDatabase()
    const dataDir = mkdtempSync(join(tmpdir(), 'uniroute-receipt-'))
    const ledger = createLedger({ database, dataDir, clock: systemClock, log: silentLog })
    try {
      const usage = createUsage({ store: createUsageStore(database), ledger, clock: systemClock })
      const requestId = createUlid(NOW)
      const intent = {
        requestId,
        at: NOW,
        userId: OWNERS[0]!,
        teamId: null,
        apiKeyId: KEY_A,
        sessionId: null,
        operation: 'chat',
        clientDialect: 'openai-chat',
        dialect: 'openai-chat',
        provider: 'openai',
        model: 'gpt-4o',
        requestedModel: 'openai/gpt-4o',
        promptEstimate: 5,
        streamed: true,
      }
      const settled = { requestId, reason: null, upstreamRequestId: 'up', firstByteMs: 12, durationMs: 34 }
      const cost = { usdNanos: 1, source: 'computed', priceVersion: 'v1' } as const
      const tokens = { ...UNKNOWN_USAGE, input: 10, cacheRead: 0, output: 3, searches: 2 }
      const rawUsage = '{"prompt_tokens": 10, "note": "\\u0000 ü"}'
      ledger.intend({ ...intent, attempt: 1, providerKeyId: KEY_B!, billedTo: 'user' })
      ledger.settle({
        ...settled,
        attempt: 1,
        status: 401,
        outcome: 'next',
        reason: 'invalid',
        usage: UNKNOWN_USAGE,
        cost: { usdNanos: 0, source: 'computed', priceVersion: null },
      })
      ledger.intend({ ...intent, attempt: 2, providerKeyId: null, billedTo: 'server' })
      ledger.settle({ ...settled, attempt: 2, status: 200, outcome: 'done', usage: tokens, rawUsage, cost })
      ledger.finish({
        requestId,
        createdAt: NOW,
        userId: OWNERS[0]!,
        teamId: null,
        apiKeyId: KEY_A!,
        sessionId: null,
        operation: 'chat',
        requestedModel: 'openai/gpt-4o',
        model: 'gpt-4o',
        provider: 'openai',
        clientDialect: 'openai-chat',
        upstreamDialect: 'openai-chat',
        status: 200,
        outcome: 'done',
        errorCode: null,
        errorSource: null,
        streamed: true,
        billedTo: 'server',
        providerKeyId: null,
        fallback: 'invalid',
        warnings: ['w'],
        attempts: 2,
        firstByteMs: 12,
        durationMs: 50,
        clientRequestId: null,
      })
      const receipt = await usage.getReceipt(`req_${requestId}`, { userId: OWNERS[0]!, teamId: null })
      expect(receiptSchema.parse(receipt)).toEqual(receipt)
      expect(receipt).toEqual({
        id: `req_${requestId}`,
        created_at: '2026-11-22T15:00:00.000Z',
        api_key_id: `ak_${KEY_A}`,
        requested_model: 'openai/gpt-4o',
        model: 'gpt-4o',
        provider: 'openai',
        dialects: { client: 'openai-chat', upstream: 'openai-chat' },
        status: 200,
        streamed: true,
        billed_to: 'server',
        provider_key_id: null,
        fallback: 'invalid',
        warnings: ['w'],
        attempts: [
          {
            provider: 'openai',
            model: 'gpt-4o',
            provider_key_id: `pk_${KEY_B}`,
            billed_to: 'user',
            status: 401,
            outcome: 'next',
            reason: 'invalid',
            first_byte_ms: 12,
            duration_ms: 34,
            raw_usage: null,
          },
          {
            provider: 'openai',
            model: 'gpt-4o',
            provider_key_id: null,
            billed_to: 'server',
            status: 200,
            outcome: 'done',
            reason: null,
            first_byte_ms: 12,
            duration_ms: 34,
            raw_usage: { prompt_tokens: 10, note: '\0 ü' },
          },
        ],
        usage: {
          input_tokens: 10,
          cache_read_tokens: 0,
          cache_write_tokens: null,
          cache_write_1h_tokens: null,
          output_tokens: 3,
          reasoning_tokens: null,
          searches: 2,
        },
        cost: { usd_micros: 1, source: 'computed', price_version: 'v1' },
      })
      expect(isUlid(requestId)).toBe(true)
      expect(await usage.getReceipt(requestId, { userId: OWNERS[0]!, teamId: null })).toEqual(receipt)
      await expect(usage.getReceipt(`req_${requestId}`, { userId: OWNERS[1]!, teamId: null })).rejects.toMatchObject({
        code: 'not_found',
        status: 404,
      })
      // Made with a key of the user's own, it is nothing to a team's key of the same user.
      const withTeamKey = { userId: OWNERS[0]!, teamId: createUlid() }
      await expect(usage.getReceipt(requestId, withTeamKey)).rejects.toMatchObject({ status: 404 })
      await expect(usage.getReceipt('req_%', { userId: OWNERS[0]!, teamId: null })).rejects.toMatchObject({
        status: 404,
      })
    } finally {
      await ledger.close()
      rmSync(dataDir, { recursive: true, force: true })
    }
  })
})
