// Spending limits hold against parallel calls, across periods and restarts: both stores, on both databases.
import { expect, onTestFinished, test } from 'vitest'
import { describeOnEachDatabase, silentLog } from '../../../test/support/databases.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid } from '../../kernel/ids.ts'
import { endOfPeriod, startOfPeriod } from '../../kernel/periods.ts'
import type { Budgets, ReservedCall, SpendingLimit } from './budgets.ts'
import { createMemoryBudgets } from './memory-budgets.ts'
import { createSharedBudgets } from './shared-budgets.ts'

const NOON = Date.UTC(2026, 10, 22, 12)
const DAY = 86_400_000
const limit: SpendingLimit = { kind: 'api-key', id: 'K1', usdNanos: 1_000, period: 'day' }

const call: ReservedCall = { requestId: 'R1', firstAttempt: 1 }

/** Moved by hand. */
function clockAt(now: number): Clock & { time: number } {
  return {
    time: now,
    now() {
      return this.time
    },
    monotonic() {
      return this.time
    },
  }
}

async function spend(database: Database, at: number, nanos: number | null, fields: object = {}): Promise<void> {
  const row = {
    request_id: createUlid(),
    attempt: 1,
    created_at: at,
    user_id: 'U1',
    team_id: null,
    api_key_id: 'K1',
    provider: 'openai',
    model: 'm',
    dialect: 'openai-chat',
    provider_key_id: 'P1',
    billed_to: 'user',
    status: 200,
    outcome: 'served',
    reason: null,
    upstream_request_id: null,
    input_tokens: 1,
    cache_read_tokens: null,
    cache_write_tokens: null,
    cache_write_1h_tokens: null,
    output_tokens: 1,
    reasoning_tokens: null,
    cost_usd_nanos: nanos,
    cost_source: nanos === null ? 'unknown' : 'computed',
    price_version: null,
    first_byte_ms: null,
    duration_ms: 1,
    ...fields,
  }
  await database.insertMany([{ table: 'attempts', rows: [row] }])
}

const STORES = { memory: createMemoryBudgets, database: createSharedBudgets }

for (const store of ['memory', 'database'] as const) {
  describeOnEachDatabase(`budgets in the ${store}`, (open) => {
    async function make(
      now = NOON,
    ): Promise<{ budgets: Budgets; clock: Clock & { time: number }; database: Database }> {
      const database = await open()
      const clock = clockAt(now)
      const budgets = STORES[store]({ database, clock, log: silentLog, flushLedger: async () => undefined })
      onTestFinished(() => budgets.close())
      return { database, clock, budgets }
    }

    test('200 parallel calls never reserve more than the limit', async () => {
      const { budgets } = await make()
      const verdicts = await Promise.all(Array.from({ length: 200 }, () => budgets.reserve([limit], 30, call)))
      expect(verdicts.filter(({ ok }) => ok)).toHaveLength(33)
      expect(await budgets.read(limit)).toEqual({ spent: 0, reserved: 990 })
    })

    test('what really was spent takes the place of the reservation, once', async () => {
      const { budgets } = await make()
      const first = await budgets.reserve([limit], 900, call)
      expect((await budgets.reserve([limit], 200, call)).ok).toBe(false)
      if (first.ok) {
        first.reservation.settle(100)
        first.reservation.settle(900)
      }
      expect((await budgets.reserve([limit], 900, call)).ok).toBe(true)
      expect(await budgets.read(limit)).toEqual({ spent: 100, reserved: 900 })
    })

    test('the ledger tells what was spent before; other days, keys and payers do not count', async () => {
      const { budgets, database, clock } = await make()
      await spend(database, NOON - 3_600_000, 600)
      await spend(database, NOON - DAY, 5_000)
      await spend(database, NOON, 5_000, {
        api_key_id: 'K2',
        user_id: 'U2',
        provider_key_id: 'P2',
        billed_to: 'server',
        team_id: 'T2',
        lease_id: 'L2',
      })
      await spend(database, NOON, null)
      expect((await budgets.reserve([limit], 401, call)).ok).toBe(false)
      const verdict = await budgets.reserve([limit], 400, call)
      expect(verdict.ok).toBe(true)
      const spent = async (kind: SpendingLimit['kind'], id: string) =>
        (await budgets.read({ kind, id, period: 'day' })).spent
      expect(await spent('provider-key', 'P1')).toBe(600)
      expect(await spent('user', 'U1')).toBe(600)
      expect(await spent('user', 'U2')).toBe(5_000)
      expect(await spent('team', 'T1')).toBe(0)
      expect(await spent('team', 'T2')).toBe(5_000)
      expect(await spent('lease', 'L2')).toBe(5_000)
      expect(await spent('allowance', 'U1')).toBe(0)
      expect(await spent('allowance', 'U2')).toBe(5_000)
      expect((await budgets.read({ ...limit, period: 'month' })).spent).toBe(5_600)
      clock.time += DAY
      expect((await budgets.reserve([limit], 1_000, call)).ok).toBe(true)
    })

    test('several limits hold together: one that is full keeps all untouched', async () => {
      const { budgets } = await make()
      const tight: SpendingLimit = { kind: 'provider-key', id: 'P9', usdNanos: 10, period: 'total' }
      expect(await budgets.reserve([limit, tight], 11, call)).toMatchObject({ ok: false, limit: tight, resetsAt: null })
      expect((await budgets.reserve([limit], 1_000, call)).ok).toBe(true)
    })

    test('what began before midnight is settled on the day it began', async () => {
      const { budgets, clock } = await make(Date.UTC(2026, 10, 22, 23, 59, 59))
      const late = await budgets.reserve([limit], 1_000, call)
      clock.time += 2_000
      expect((await budgets.reserve([limit], 1_000, call)).ok).toBe(true)
      if (late.ok) late.reservation.settle(1_000)
      expect(await budgets.read(limit)).toEqual({ spent: 0, reserved: 1_000 })
    })

    test('what was spent while a limit was lifted counts when it is back', async () => {
      const { budgets, database, clock } = await make()
      const first = await budgets.reserve([limit], 100, call)
      if (first.ok) first.reservation.settle(100)
      expect(await budgets.read(limit)).toEqual({ spent: 100, reserved: 0 })
      await spend(database, NOON, 100)
      await spend(database, NOON + 1, 850)
      clock.time += 120_000
      expect((await budgets.reserve([limit], 51, call)).ok).toBe(false)
      expect((await budgets.reserve([limit], 50, call)).ok).toBe(true)
    })
  })
}

describeOnEachDatabase('budgets of several processes', (open) => {
  async function makeTwo() {
    const database = await open()
    const clock = clockAt(NOON)
    const connections = [database, await open({ sameAs: database })]
    const [one, two] = connections.map((each) => {
      const budgets = createSharedBudgets({
        database: each,
        clock,
        log: silentLog,
        flushLedger: async () => undefined,
      })
      onTestFinished(() => budgets.close())
      return budgets
    })
    return { database, clock, one: one!, two: two! }
  }

  /** As if the database's clock had gone on and nobody of theirs had said that they live. */
  const die = (database: Database) => database.query.updateTable('budget_reservations').set({ held_until: 1 }).execute()

  test('200 parallel calls at two processes reserve and spend no more than the limit', async () => {
    const { one, two } = await makeTwo()
    const asked = Array.from({ length: 200 }, (_, at) => (at % 2 === 0 ? one : two).reserve([limit], 30, call))
    const verdicts = await Promise.all(asked)
    expect(verdicts.filter(({ ok }) => ok)).toHaveLength(33)
    for (const verdict of verdicts) if (verdict.ok) verdict.reservation.settle(30)
    await Promise.all([one.close(), two.close()])
    expect(await one.read(limit)).toEqual({ spent: 990, reserved: 0 })
  })

  test('limits named in different orders by different processes do not block each other', async () => {
    const { one, two } = await makeTwo()
    const other: SpendingLimit = { ...limit, kind: 'user', id: 'U1' }
    const asked = Array.from({ length: 100 }, (_, at) =>
      at % 2 === 0 ? one.reserve([limit, other], 1, call) : two.reserve([other, limit], 1, call),
    )
    expect((await Promise.all(asked)).every(({ ok }) => ok)).toBe(true)
    expect(await two.read(other)).toEqual({ spent: 0, reserved: 100 })
  })

  test('what a dead process held is settled from the ledger, or let go of where the ledger does not know it', async () => {
    const { database, one, two } = await makeTwo()
    await one.reserve([limit], 400, { requestId: 'RKNOWN', firstAttempt: 2 })
    await one.reserve([limit], 500, { requestId: 'RUNKNOWN', firstAttempt: 1 })
    await spend(database, NOON, 70, { request_id: 'RKNOWN', attempt: 1 })
    await spend(database, NOON, 30, { request_id: 'RKNOWN', attempt: 2 })
    await two.care()
    expect(await two.read(limit)).toEqual({ spent: 0, reserved: 900 })
    await die(database)
    await two.care()
    expect(await two.read(limit)).toEqual({ spent: 30, reserved: 0 })
    // Its journal is folded by whoever starts next: late, but it counts, and once.
    await spend(database, NOON, 200, { request_id: 'RUNKNOWN', attempt: 1 })
    await die(database)
    await two.care()
    await die(database)
    await two.care()
    expect(await two.read(limit)).toEqual({ spent: 230, reserved: 0 })
    expect(await database.query.selectFrom('budget_reservations').selectAll().execute()).toEqual([])
  })

  test('a process that was only slow settles what the others let go of, and nothing twice', async () => {
    const { database, one, two } = await makeTwo()
    const known = await one.reserve([limit], 100, { requestId: 'RKNOWN', firstAttempt: 1 })
    const unknown = await one.reserve([limit], 100, { requestId: 'RUNKNOWN', firstAttempt: 1 })
    await spend(database, NOON, 40, { request_id: 'RKNOWN', attempt: 1 })
    await die(database)
    await two.care()
    for (const verdict of [known, unknown]) if (verdict.ok) verdict.reservation.settle(40)
    await one.close()
    expect(await two.read(limit)).toEqual({ spent: 80, reserved: 0 })
  })

  test('a process that says it lives keeps what it holds', async () => {
    const { database, one, two } = await makeTwo()
    await one.reserve([limit], 1_000, call)
    await die(database)
    await one.care()
    expect(await two.read(limit)).toEqual({ spent: 0, reserved: 1_000 })
  })

  test('what a dead process spent counts once, also where its account is read from the ledger before it is found there', async () => {
    const { database, clock, one, two } = await makeTwo()
    await one.reserve([limit], 500, { requestId: 'RLATE', firstAttempt: 1 })
    await die(database)
    await two.care()
    // Folded late, after which nobody asks for a while.
    await spend(database, NOON, 200, { request_id: 'RLATE', attempt: 1 })
    clock.time += 120_000
    expect((await two.reserve([limit], 800, call)).ok).toBe(true)
    await database.query.updateTable('budget_reservations').set({ held_until: 1 }).where('usd_nanos', '=', 0).execute()
    await two.care()
    expect(await two.read(limit)).toEqual({ spent: 200, reserved: 800 })
  })

  /** A process whose transactions are seen, and may be changed, before they begin. */
  async function makeWatched(around: (begin: () => Promise<unknown>) => Promise<unknown>) {
    const database = await open()
    const watched: Database = {
      ...database,
      transaction: (work, options) => around(() => database.transaction(work, options)) as never,
    }
    const clock = clockAt(NOON)
    const budgets = createSharedBudgets({
      database: watched,
      clock,
      log: silentLog,
      flushLedger: async () => undefined,
    })
    onTestFinished(() => budgets.close())
    return { database, budgets }
  }

  test('a process that is never idle says that it lives all the same', async () => {
    let asked = 0
    let isOver = true
    const asking: Promise<unknown>[] = []
    const { database, budgets } = await makeWatched(async (begin) => {
      // While this batch is written, the next gathers.
      await Promise.resolve()
      if (!isOver && asked++ < 300) asking.push(budgets.reserve([limit], 1, call))
      return begin()
    })
    await budgets.reserve([limit], 1, call)
    await die(database)
    isOver = false
    asking.push(budgets.reserve([limit], 1, call))
    await budgets.care()
    isOver = true
    await Promise.all(asking)
    expect(asked).toBeLessThan(300)
    expect((await budgets.read(limit)).reserved).toBe(1 + asking.length)
  })

  test('what was reserved by a transaction that was given up, and carried out later, is let go of', async () => {
    let given: (() => Promise<unknown>) | null = null
    let isAway = false
    const { budgets } = await makeWatched((begin) => {
      if (!isAway) return begin()
      isAway = false
      given = begin
      return Promise.reject(new GatewayError('storage_unavailable'))
    })
    await budgets.reserve([limit], 100, call)
    isAway = true
    await expect(budgets.reserve([limit], 500, call)).rejects.toThrow()
    // The taking back is told with the next batch; only then what it takes back arrives.
    const other = await budgets.reserve([limit], 100, call)
    expect(other.ok).toBe(true)
    await given!()
    expect(await budgets.read(limit)).toEqual({ spent: 0, reserved: 700 })
    await budgets.care()
    await expect.poll(() => budgets.read(limit)).toEqual({ spent: 0, reserved: 200 })
  })

  test('after the database was away nobody is taken for dead before they could say that they live', async () => {
    const { database, clock, one } = await makeTwo()
    let isAway = false
    const watched: Database = {
      ...database,
      transaction: (work, options) =>
        isAway ? Promise.reject(new GatewayError('storage_unavailable')) : database.transaction(work, options),
    }
    const two = createSharedBudgets({ database: watched, clock, log: silentLog, flushLedger: async () => undefined })
    onTestFinished(() => two.close())
    await one.reserve([limit], 400, call)
    isAway = true
    await expect(two.care()).rejects.toThrow()
    await die(database)
    isAway = false
    await two.care()
    expect(await two.read(limit)).toEqual({ spent: 0, reserved: 400 })
    await one.care()
    await two.care()
    expect(await two.read(limit)).toEqual({ spent: 0, reserved: 400 })
    // One that is dead indeed says nothing.
    await die(database)
    await two.care()
    expect(await two.read(limit)).toEqual({ spent: 0, reserved: 0 })
  })

  test('accounts of periods long over are forgotten', async () => {
    const { database, clock, one } = await makeTwo()
    await one.reserve([limit, { ...limit, kind: 'user', id: 'U1', period: 'total' }], 1, call)
    clock.time += 3 * DAY
    await one.care()
    const names = await database.query.selectFrom('budget_accounts').select('name').execute()
    expect(names.map(({ name }) => name)).toEqual(['user U1 total 0'])
  })
})

test('periods begin and end at UTC midnight', () => {
  expect(new Date(startOfPeriod('day', NOON)).toISOString()).toBe('2026-11-22T00:00:00.000Z')
  expect(new Date(endOfPeriod('day', NOON)!).toISOString()).toBe('2026-11-23T00:00:00.000Z')
  expect(new Date(startOfPeriod('month', NOON)).toISOString()).toBe('2026-11-01T00:00:00.000Z')
  expect(new Date(endOfPeriod('month', Date.UTC(2026, 11, 31))!).toISOString()).toBe('2027-01-01T00:00:00.000Z')
  expect(endOfPeriod('total', NOON)).toBeNull()
})
