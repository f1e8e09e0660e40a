// The ledger on real databases and a real journal: nothing lost, nothing doubled, whatever dies when.
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeOnEachDatabase, silentLog } from '../../../test/support/databases.ts'
import { createPrices } from '../../catalog/prices.ts'
import { type Database, openDatabase } from '../../database/database.ts'
import { migrate } from '../../database/migrator.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createUlid } from '../../kernel/ids.ts'
import { UNKNOWN_USAGE } from '../../protocols/canonical.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { describeFinished, describeIntent, describeSettled, readAttempts, readRequests } from './testing.ts'

const prices = createPrices({ clock: systemClock })
let dataDir: string
const ledgers: Ledger[] = []

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'uniroute-ledger-'))
})

afterEach(async () => {
  for (const ledger of ledgers.splice(0)) await ledger.close()
  rmSync(dataDir, { recursive: true, force: true })
})

function openLedger(database: Database, limits: { segmentBytes?: number; maxQueued?: number } = {}): Ledger {
  const ledger = createLedger({ database, dataDir, clock: systemClock, log: silentLog, prices, limits })
  ledgers.push(ledger)
  return ledger
}

const NOTHING_USED = {
  usage: UNKNOWN_USAGE,
  cost: { usdNanos: 0, source: 'computed', priceVersion: null },
} as const

function runRequest(ledger: Ledger, requestId = createUlid()): string {
  ledger.intend(describeIntent(requestId, 1))
  ledger.settle(describeSettled(requestId, 1))
  ledger.finish(describeFinished(requestId))
  return requestId
}

/** As `kill -9` leaves it: the lock is free, nothing else is done. */
function segmentNames(): string[] {
  return readdirSync(join(dataDir, 'journal')).filter((name) => /\.\d+$/.test(name))
}

describeOnEachDatabase('the ledger', (open) => {
  test('a finished request and its attempts are rows, as they were said', async () => {
    const database = await open()
    const ledger = openLedger(database)
    const id = createUlid()
    ledger.intend(describeIntent(id, 1))
    ledger.settle(describeSettled(id, 1, { status: 429, outcome: 'next', reason: 'rate_limited', ...NOTHING_USED }))
    ledger.intend(describeIntent(id, 2, { providerKeyId: null, billedTo: 'server', provider: 'anthropic' }))
    ledger.settle(describeSettled(id, 2))
    ledger.finish(describeFinished(id, { attempts: 2, warnings: ['a\u0000b'], requestedModel: 'x\u0000'.repeat(2000) }))
    await ledger.flush()
    const attempts = await readAttempts(database)
    expect(attempts.map((row) => [row.attempt, row.status, row.billed_to, row.input_tokens, row.duration_ms])).toEqual([
      [1, 429, 'user', null, 3],
      [2, 200, 'server', 7, 3],
    ])
    const [request] = await readRequests(database)
    expect(request).toMatchObject({ id, attempts: 2, streamed: false, cost_usd_nanos: 42, session_id: null })
    expect(JSON.parse(request!.warnings)).toHaveLength(1)
    expect(request!.requested_model!.length).toBeLessThanOrEqual(512)
  })

  test.each([
    ['each priced', [10, 'computed'], [32, 'provider'], [42, 'provider', 'p2']],
    ['one estimated', [10, 'estimated'], [32, 'provider'], [42, 'estimated', 'p2']],
    ['one of no known price', [null, 'unknown'], [32, 'computed'], [null, 'unknown', null]],
    ['a last one that was refused', [10, 'estimated'], [0, 'computed', null], [10, 'estimated', 'p1']],
    ['a first one that was refused', [0, 'computed', null], [32, 'computed'], [32, 'computed', 'p2']],
  ] as const)('what a request cost is the sum of its calls: %s', async (_which, first, second, expected) => {
    const database = await open()
    const ledger = openLedger(database)
    const id = createUlid()
    const costs = [first, second].map(([usdNanos, source, priceVersion], index) => ({
      usdNanos,
      source,
      priceVersion: usdNanos === null || priceVersion === null ? null : `p${index + 1}`,
    }))
    costs.forEach((cost, index) => {
      ledger.intend(describeIntent(id, index + 1))
      ledger.settle(describeSettled(id, index + 1, { cost }))
    })
    ledger.finish(
      describeFinished(id, { attempts: 2, cost: { usdNanos: 1, source: 'computed', priceVersion: 'said' } }),
    )
    await ledger.flush()
    const [row] = await readRequests(database)
    expect([row!.cost_usd_nanos, row!.cost_source, row!.price_version]).toEqual(expected)
    expect(row).toMatchObject({ input_tokens: 14, output_tokens: 6, cache_read_tokens: null })
  })

  test('a request that never reached a provider has a row too', async () => {
    const database = await open()
    const ledger = openLedger(database)
    ledger.finish(
      describeFinished(createUlid(), { status: 403, errorCode: 'no_usable_key', attempts: 0, provider: null }),
    )
    await ledger.flush()
    expect(await readRequests(database)).toMatchObject([
      { cost_usd_nanos: 0, cost_source: 'computed', input_tokens: null },
    ])
    expect(await readAttempts(database)).toHaveLength(0)
  })

  test('rows appear by themselves, without flush', async () => {
    const database = await open()
    runRequest(openLedger(database))
    await expect.poll(() => readRequests(database)).toHaveLength(1)
  })

  test('a request said to be finished before its attempt settled is one row with that attempt', async () => {
    const database = await open()
    const ledger = openLedger(database)
    const id = createUlid()
    ledger.intend(describeIntent(id, 1))
    ledger.finish(describeFinished(id))
    await ledger.flush()
    expect(await readRequests(database)).toHaveLength(0)
    ledger.settle(describeSettled(id, 1))
    await ledger.flush()
    expect(await readRequests(database)).toHaveLength(1)
    expect(await readAttempts(database)).toHaveLength(1)
  })

  test('a second settlement of one attempt, and one nobody announced, change nothing', async () => {
    const database = await open()
    const ledger = openLedger(database)
    const id = createUlid()
    ledger.intend(describeIntent(id, 1))
    expect(() => ledger.intend(describeIntent(id, 1))).toThrow('recorded already')
    ledger.settle(describeSettled(id, 1))
    ledger.settle(describeSettled(id, 1, { status: 500 }))
    ledger.settle(describeSettled(createUlid(), 1))
    ledger.finish(describeFinished(id))
    ledger.settle(describeSettled(id, 1, { status: 500 }))
    await ledger.flush()
    expect((await readAttempts(database)).map((row) => row.status)).toEqual([200])
  })

  test('thousands of requests over many segments are each one row, and the segments go', async () => {
    const database = await open()
    const ledger = openLedger(database, { segmentBytes: 16_384 })
    const ids: string[] = []
    for (let i = 0; i < 3_000; i++) {
      ids.push(runRequest(ledger))
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await ledger.flush()
    expect((await readRequests(database)).map((row) => row.id)).toEqual(ids.toSorted())
    await expect.poll(() => segmentNames().length).toBeLessThanOrEqual(2)
  })

  test('a long call does not keep the segments written since; its record is whole after a crash', async () => {
    const database = await open()
    const ledger = openLedger(database, { segmentBytes: 16_384 })
    const long = [createUlid(), createUlid()]
    ledger.intend(describeIntent(long[0]!, 1, { promptEstimate: 11 }))
    ledger.intend(describeIntent(long[1]!, 1))
    ledger.settle(describeSettled(long[1]!, 1))
    for (let round = 0; round < 40; round++) {
      ledger.intend(describeIntent(createUlid(), 1, { userId: 'open' }))
      for (let i = 0; i < 20; i++) runRequest(ledger)
      await ledger.flush()
    }
    expect(segmentNames().length).toBeLessThan(25)
    await ledger.close()
    const report = await openLedger(database).recover()
    expect(report.interrupted).toBeGreaterThanOrEqual(42)
    const attempts = await readAttempts(database)
    expect((await readRequests(database)).filter((row) => row.outcome === 'interrupted')).toHaveLength(42)
    expect(attempts.filter((row) => row.user_id === 'open')).toHaveLength(40)
    expect(attempts.find((row) => row.request_id === long[0])).toMatchObject({
      outcome: 'interrupted',
      input_tokens: 11,
    })
    expect(attempts.find((row) => row.request_id === long[1])).toMatchObject({ outcome: 'done', input_tokens: 7 })
    expect(attempts).toHaveLength(40 + 2 + 800)
  })

  test('on a full disk every call that was let in is settled: the provider’s own usage object gives way first', async () => {
    const database = await open()
    const ledger = openLedger(database, { segmentBytes: 16_384 })
    const [folder, away] = [join(dataDir, 'journal'), join(dataDir, 'away')]
    await expect.poll(() => segmentNames().length).toBe(2)
    // No segment can be made any more; those that are open can be written to.
    renameSync(folder, away)
    // A few are always under way: no more than a segment as small as this has room for.
    const letIn: string[] = []
    let settled = 0
    const letMoreIn = async (): Promise<void> => {
      for (;;) {
        const id = createUlid()
        ledger.intend(describeIntent(id, 1))
        letIn.push(id)
        if (letIn.length - settled > 5) ledger.settle(describeSettled(letIn[settled++]!, 1))
        await new Promise((resolve) => setTimeout(resolve))
      }
    }
    await expect(letMoreIn()).rejects.toThrow(expect.objectContaining({ code: 'storage_full' }))
    const rawUsage = JSON.stringify({ details: Array.from({ length: 150 }, (_, at) => ({ [`kind_${at}`]: at })) })
    expect([letIn.length - settled, rawUsage.length > 2_000]).toEqual([5, true])
    for (const id of letIn.slice(settled)) ledger.settle(describeSettled(id, 1, { rawUsage }))
    await new Promise((resolve) => setImmediate(resolve))
    renameSync(away, folder)
    await ledger.close()
    await openLedger(database).recover()
    const attempts = await readAttempts(database)
    expect(attempts.map(({ outcome }) => outcome)).toEqual(letIn.map(() => 'done'))
  })

  test('what a crash left open is written as interrupted, with the estimated prompt', async () => {
    const database = await open()
    const dead = openLedger(database)
    const [unsettled, unfinished, unpriced] = [createUlid(), createUlid(), createUlid()]
    dead.intend(describeIntent(unsettled, 1))
    dead.intend(describeIntent(unfinished, 1))
    dead.settle(describeSettled(unfinished, 1, { status: 503 }))
    dead.intend(describeIntent(unfinished, 2, { billedTo: 'server', providerKeyId: null }))
    dead.intend(describeIntent(unpriced, 1, { provider: 'vllm' }))
    await dead.close()
    const ledger = openLedger(database)
    expect(await ledger.recover()).toEqual({ requests: 3, interrupted: 3, damaged: 0 })
    const rows = new Map((await readRequests(database)).map((row) => [row.id, row]))
    expect(rows.get(unsettled)).toMatchObject({
      outcome: 'interrupted',
      status: 499,
      input_tokens: 1000,
      output_tokens: null,
      cost_usd_nanos: 2_500_000,
      cost_source: 'estimated',
    })
    expect(rows.get(unfinished)).toMatchObject({ attempts: 2, billed_to: 'server', cost_usd_nanos: 2_500_042 })
    expect(rows.get(unpriced)).toMatchObject({ cost_usd_nanos: null, cost_source: 'unknown' })
    const attempts = await readAttempts(database)
    expect(attempts.filter((row) => row.request_id === unfinished).map((row) => [row.outcome, row.status])).toEqual([
      ['done', 503],
      ['interrupted', null],
    ])
    expect(await ledger.recover()).toEqual({ requests: 0, interrupted: 0, damaged: 0 })
  })
})

describe('while the database fails', () => {
  /** Half a second is long for any of these statements, and short for one that waits in vain. */
  async function openImpatient(file: string): Promise<Database> {
    const patient = await openDatabase({ file })
    await migrate(patient, { clock: systemClock, log: silentLog })
    await patient.close()
    return openDatabase({ file, statementTimeoutMs: 500 })
  }

  test('everything stays, memory is bounded, and all of it is there afterwards', async () => {
    const file = join(dataDir, 'usage.db')
    const database = await openImpatient(file)
    const ledger = openLedger(database, { segmentBytes: 16_384, maxQueued: 50 })
    const ids = [runRequest(ledger)]
    await ledger.flush()
    const outsider = new DatabaseSync(file)
    outsider.exec('BEGIN EXCLUSIVE')
    const openRequest = createUlid()
    ledger.intend(describeIntent(openRequest, 1))
    for (let i = 0; i < 500; i++) ids.push(runRequest(ledger))
    await expect(ledger.flush()).rejects.toMatchObject({ code: 'storage_unavailable' })
    for (let i = 0; i < 500; i++) ids.push(runRequest(ledger))
    await expect(ledger.flush()).rejects.toMatchObject({ code: 'storage_unavailable' })
    const { failures, spilledSegments, ...figures } = ledger.readFigures()
    expect(figures).toMatchObject({ waiting: 50, oldestAt: expect.any(Number) })
    expect([failures > 0, spilledSegments > 0, figures.bytes > 16_384]).toEqual([true, true, true])
    outsider.exec('ROLLBACK')
    outsider.close()
    await expect.poll(() => readRequests(database)).toHaveLength(ids.length)
    expect((await readRequests(database)).map((row) => row.id)).toEqual(ids.toSorted())
    expect(await readAttempts(database)).toHaveLength(ids.length)
    ledger.settle(describeSettled(openRequest, 1))
    ledger.finish(describeFinished(openRequest))
    await ledger.flush()
    expect((await readAttempts(database)).find((row) => row.request_id === openRequest)).toMatchObject({ status: 200 })
    await expect.poll(() => segmentNames().length).toBeLessThanOrEqual(2)
    expect(ledger.readFigures()).toMatchObject({ waiting: 0, oldestAt: null, failures: 0, spilledSegments: 0 })
    await ledger.close()
    await database.close()
  })

  test('a process that ends meanwhile leaves it to the next', async () => {
    const file = join(dataDir, 'usage.db')
    const database = await openImpatient(file)
    const ledger = openLedger(database, { segmentBytes: 16_384, maxQueued: 50 })
    const outsider = new DatabaseSync(file)
    outsider.exec('BEGIN EXCLUSIVE')
    const ids = Array.from({ length: 200 }, () => runRequest(ledger))
    await ledger.close()
    outsider.exec('ROLLBACK')
    outsider.close()
    expect(await openLedger(database).recover()).toMatchObject({ requests: 200, interrupted: 0 })
    expect((await readRequests(database)).map((row) => row.id)).toEqual(ids.toSorted())
    await Promise.all(ledgers.splice(0).map((one) => one.close()))
    await database.close()
  })

  test('a row the database will never take is set aside and stops no other', async () => {
    const file = join(dataDir, 'usage.db')
    const database = await openDatabase({ file })
    await migrate(database, { clock: systemClock, log: silentLog })
    const ledger = openLedger(database)
    const ids = Array.from({ length: 20 }, () => runRequest(ledger))
    const impossible = { ...describeFinished(createUlid()), userId: null as unknown as string }
    ledger.finish(impossible)
    ids.push(...Array.from({ length: 20 }, () => runRequest(ledger)))
    await ledger.flush()
    expect((await readRequests(database)).map((row) => row.id)).toEqual(ids.toSorted())
    await ledger.close()
    await database.close()
  })
})
