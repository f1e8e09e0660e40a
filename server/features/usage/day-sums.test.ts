// Sums of days that are over, on both databases: they change nothing in what is answered, and late requests are in it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { UsageGroup, UsageOfAllQuery } from '../../../contract/usage.ts'
import { describeOnEachDatabase, silentLog } from '../../../test/support/databases.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createDaySums } from './day-sums.ts'
import { createLedger } from './ledger.ts'
import { createUsage } from './service.ts'
import { createUsageStore } from './store.ts'
import { countPlainly, createRandom, insertWithCalls, KEY_A, makeRequest, NOW, OWNERS } from './testing.ts'

const clock: Clock = { now: () => NOW, monotonic: () => performance.now() }
const ledger = { flush: async () => {} }
const RANGE = { from: '2026-10-19', to: '2026-11-10' }

function open(database: Database) {
  const daySums = createDaySums({ database, clock, log: silentLog, pauseMs: 0 })
  const usage = createUsage({ store: createUsageStore(database, daySums, { worthKeeping: 0 }), ledger, clock })
  const plain = createUsage({ store: createUsageStore(database), ledger, clock })
  return { daySums, usage, plain }
}

const countBuilds = async ({ query }: Database): Promise<number> =>
  Number(
    (
      await query
        .selectFrom('usage_day_builds')
        .select((column) => column.fn.countAll().as('count'))
        .executeTakeFirstOrThrow()
    ).count,
  )

async function readFile(stream: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

describeOnEachDatabase('sums of days that are over', (openDatabase) => {
  test('answer what a plain count answers, before and after they were made, whatever the zone, groups and filters', async () => {
    const database = await openDatabase()
    const random = createRandom(23)
    const rows = Array.from({ length: 800 }, () => makeRequest(random))
    const calls = await insertWithCalls(database, rows, random)
    const { daySums, usage, plain } = open(database)
    const filters: [UsageOfAllQuery, (row: any) => boolean][] = [
      [{}, () => true],
      [{ provider: 'openai' }, (row) => row.provider === 'openai'],
      [{ model: 'GPT-4o' }, (row) => row.model === 'GPT-4o'],
      [{ api_key: 'none' }, (row) => row.api_key_id === null],
      [
        { provider_key: `pk_${KEY_A}`, billed_to: 'user' },
        (row) => row.provider_key_id === KEY_A && row.billed_to === 'user',
      ],
      [{ user: OWNERS[1]! }, (row) => row.user_id === OWNERS[1]],
    ]
    // A range that begins and ends within a day, so that both ways of counting meet.
    const first = Date.parse('2026-10-20T03:00:00Z')
    const last = Date.parse('2026-11-05T07:30:00Z')
    for (const time_zone of ['Europe/Berlin', 'Asia/Kolkata']) {
      for (const groups of [['day'], ['model', 'day'], ['user', 'fallback', 'api_key']] as UsageGroup[][]) {
        for (const [filter, fits] of filters) {
          const query = {
            from: new Date(first).toISOString(),
            to: new Date(last).toISOString(),
            time_zone,
            group_by: groups.join(','),
            ...filter,
          }
          const chosen = rows.filter((row) => row.created_at >= first && row.created_at < last)
          const fitting = calls.filter(fits)
          const byPlain = countPlainly(chosen.filter(fits), fitting, groups, time_zone, chosen)
          const before = await plain.summarise(query, { everyone: true })
          expect(before.total).toEqual(byPlain.total)
          expect(await usage.summarise(query, { everyone: true })).toEqual(before)
          await daySums.settle()
          expect(await usage.summarise(query, { everyone: true })).toEqual(before)
        }
      }
    }
    // 21 October to 4 November in Berlin, and in Kolkata the same.
    expect(await countBuilds(database)).toBe(30)
  }, 60_000)

  test('one’s own are of one’s own', async () => {
    const database = await openDatabase()
    const random = createRandom(29)
    await insertWithCalls(
      database,
      Array.from({ length: 200 }, () => makeRequest(random)),
      random,
    )
    const { daySums, usage, plain } = open(database)
    await usage.summarise(RANGE, { everyone: true })
    await daySums.settle()
    expect(await countBuilds(database)).toBe(23)
    for (const scope of [{ userId: OWNERS[0]! }, { providerKeyId: KEY_A }, { userId: 'nobody' }]) {
      expect(await usage.summarise(RANGE, scope)).toEqual(await plain.summarise(RANGE, scope))
    }
  })

  test('over everybody are read where no one is told apart; days that lack them are added up again', async () => {
    const database = await openDatabase()
    const random = createRandom(37)
    await insertWithCalls(
      database,
      Array.from({ length: 200 }, () => makeRequest(random)),
      random,
    )
    const { daySums, usage, plain } = open(database)
    const builds = { time_zone: 'UTC', built_at: NOW, has_totals: false }
    const starts_at = Date.parse('2026-11-01T00:00:00Z')
    const lacking = { ...builds, id: 'of-an-earlier-release', starts_at, ends_at: starts_at + 86_400_000 }
    await database.query.insertInto('usage_day_builds').values(lacking).execute()
    const everyone = { everyone: true } as const
    const truth = await plain.summarise(RANGE, everyone)
    expect(await usage.summarise(RANGE, everyone)).toEqual(truth)
    await daySums.settle()
    expect(await usage.summarise(RANGE, everyone)).toEqual(truth)
    expect(await countBuilds(database)).toBe(23)
    // Wrong on purpose, to see who reads them.
    await database.query.updateTable('usage_day_totals').set({ requests: 1_000_000 }).execute()
    const query = { ...RANGE, group_by: 'model,fallback', billed_to: 'user' } as const
    expect((await usage.summarise(query, everyone)).total.requests).toBeGreaterThan(1_000_000)
    for (const told of [
      { group_by: 'user' },
      { api_key: 'none' },
      { provider_key: `pk_${KEY_A}` },
      { user: OWNERS[0]! },
    ]) {
      const asked = { ...RANGE, ...told }
      expect(await usage.summarise(asked, everyone)).toEqual(await plain.summarise(asked, everyone))
    }
    expect(await usage.summarise(RANGE, { userId: OWNERS[0]! })).toEqual(
      await plain.summarise(RANGE, { userId: OWNERS[0]! }),
    )
  })

  test('a request that is stored days later is in the sums of its day at once', async () => {
    const database = await openDatabase()
    const random = createRandom(31)
    await insertWithCalls(
      database,
      Array.from({ length: 100 }, () => makeRequest(random)),
      random,
    )
    const { daySums, usage, plain } = open(database)
    const before = await usage.summarise(RANGE, { everyone: true })
    await daySums.settle()
    const dataDir = mkdtempSync(join(tmpdir(), 'uniroute-late-'))
    const writer = createLedger({ database, dataDir, clock, log: silentLog })
    try {
      const { id, user_id, ...row } = makeRequest(random, {
        attempts: 0,
        created_at: Date.parse('2026-10-25T12:00:00Z'),
      })
      writer.finish({
        requestId: id,
        createdAt: row.created_at,
        userId: user_id,
        teamId: null,
        apiKeyId: null,
        sessionId: null,
        operation: 'chat',
        requestedModel: null,
        model: null,
        provider: null,
        clientDialect: 'openai-chat',
        upstreamDialect: null,
        status: 200,
        outcome: 'done',
        errorCode: null,
        errorSource: null,
        streamed: true,
        billedTo: null,
        providerKeyId: null,
        fallback: null,
        warnings: [],
        attempts: 0,
        firstByteMs: null,
        durationMs: 5,
        clientRequestId: null,
      })
      await writer.flush()
    } finally {
      await writer.close()
      rmSync(dataDir, { recursive: true, force: true })
    }
    const after = await usage.summarise(RANGE, { everyone: true })
    expect(after.total.requests).toBe(before.total.requests + 1)
    expect(after).toEqual(await plain.summarise(RANGE, { everyone: true }))
    await daySums.settle()
    expect(await usage.summarise(RANGE, { everyone: true })).toEqual(after)
    expect(await countBuilds(database)).toBe(23)
  })

  test('a day that is not over, or only just, is never kept', async () => {
    const database = await openDatabase()
    const random = createRandom(37)
    const today = { created_at: NOW - 60_000 }
    await insertWithCalls(
      database,
      Array.from({ length: 10 }, () => makeRequest(random, today)),
      random,
    )
    const { daySums, usage } = open(database)
    await usage.summarise({ from: '2026-11-22' }, { everyone: true })
    // In this zone the day before ended an hour ago.
    await usage.summarise({ from: '2026-11-22', to: '2026-11-22', time_zone: 'Asia/Vladivostok' }, { everyone: true })
    await daySums.settle()
    expect(await countBuilds(database)).toBe(0)
  })

  test('as a file: the lines add up to the total of the answer, in each of two time zones', async () => {
    const database = await openDatabase()
    const random = createRandom(41)
    const midnight = Date.parse('2026-10-28T00:00:00Z')
    // Round midnight, where days of two zones part.
    const rows = Array.from({ length: 120 }, (_, i) =>
      makeRequest(random, { created_at: midnight + (i - 60) * 600_000, ...(i === 0 && { model: '=cmd("x")' }) }),
    )
    await insertWithCalls(database, rows, random)
    const { usage } = open(database)
    const splits = new Set<string>()
    for (const time_zone of ['UTC', 'America/New_York']) {
      const query = { ...RANGE, time_zone, group_by: 'model' }
      const { total } = await usage.summarise(query, { everyone: true })
      const csv = await readFile(
        usage.export({ ...query, format: 'csv' }, { everyone: true })(new AbortController().signal),
      )
      const [head, ...lines] = csv
        .trimEnd()
        .split('\r\n')
        .map((line) => line.split(','))
      const column = (name: string): string[] => lines.map((line) => line[head!.indexOf(name)]!)
      expect(new Set(column('time_zone'))).toEqual(new Set([time_zone]))
      expect(column('requests').reduce((sum, text) => sum + Number(text), 0)).toBe(total.requests)
      const nanos = column('cost_usd').reduce((sum, text) => sum + BigInt(text.replace('.', '')), 0n)
      expect(nanos).toBe(BigInt(total.cost_usd_nanos))
      const json = JSON.parse(
        await readFile(usage.export({ ...query, format: 'json' }, { everyone: true })(new AbortController().signal)),
      )
      expect(json.rows).toHaveLength(lines.length)
      expect(json.time_zone).toBe(time_zone)
      const byDay = await usage.summarise({ ...query, group_by: 'day' }, { everyone: true })
      splits.add(byDay.groups.map(({ requests }) => requests).join())
      for (const { day, requests } of byDay.groups) {
        const ofDay = json.rows.filter((row: { day: string }) => row.day === day)
        expect(ofDay.reduce((sum: number, row: { requests: number }) => sum + row.requests, 0)).toBe(requests)
      }
      expect(csv).not.toMatch(/(^|,|\n)"?=cmd/)
      expect(csv).toContain(`'=cmd`)
    }
    expect(splits.size).toBe(2)
  })

  test('percentiles of totals only, where that is asked: the rest is the same', async () => {
    const database = await openDatabase()
    const random = createRandom(43)
    await insertWithCalls(
      database,
      Array.from({ length: 200 }, () => makeRequest(random)),
      random,
    )
    const { usage } = open(database)
    const query = { ...RANGE, group_by: 'day,model' }
    const all = await usage.summarise(query, { everyone: true })
    const some = await usage.summarise({ ...query, percentiles: 'totals' }, { everyone: true })
    expect([some.subtotals, some.total]).toEqual([all.subtotals, all.total])
    const none = { p50_ms: null, p95_ms: null, p99_ms: null, first_byte_p50_ms: null, first_byte_p95_ms: null }
    expect(some.groups).toEqual(all.groups.map((row) => ({ ...row, ...none })))
  })

  test('zones that nobody looks at any more go', async () => {
    const database = await openDatabase()
    const { daySums } = open(database)
    const zones = Array.from({ length: 26 }, (_, i) => `Etc/GMT+${i}`)
    for (const zone of zones) {
      daySums.order(zone, [
        { day: '2026-10-20', start: Date.parse('2026-10-20T00:00:00Z'), end: Date.parse('2026-10-21T00:00:00Z') },
      ])
      await daySums.settle()
    }
    expect(await countBuilds(database)).toBe(24)
  })
})
