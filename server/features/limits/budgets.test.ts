// Spending limits hold against parallel calls, across periods and restarts, on both databases.
import { expect, test } from 'vitest'
import { describeOnEachDatabase } from '../../../test/support/databases.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createUlid } from '../../kernel/ids.ts'
import { endOfPeriod, startOfPeriod } from '../../kernel/periods.ts'
import { createBudgets, type SpendingLimit } from './budgets.ts'

const NOON = Date.UTC(2026, 10, 22, 12)
const DAY = 86_400_000
const limit: SpendingLimit = { kind: 'api-key', id: 'K1', usdNanos: 1_000, period: 'day' }

function clockAt(now: number): Clock & { time: number } {
  return {
    time: now,
    now() {
      return this.time
    },
    monotonic: () => 0,
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

describeOnEachDatabase('budgets', (open) => {
  const make = async (
    now = NOON,
  ): Promise<{ budgets: ReturnType<typeof createBudgets>; clock: ReturnType<typeof clockAt>; database: Database }> => {
    const database = await open()
    const clock = clockAt(now)
    return { database, clock, budgets: createBudgets({ database, clock, flushLedger: async () => undefined }) }
  }

  test('200 parallel calls never reserve more than the limit', async () => {
    const { budgets } = await make()
    const verdicts = await Promise.all(Array.from({ length: 200 }, () => budgets.reserve([limit], 30)))
    expect(verdicts.filter(({ ok }) => ok)).toHaveLength(33)
  })

  test('what really was spent takes the place of the reservation, once', async () => {
    const { budgets } = await make()
    const first = await budgets.reserve([limit], 900)
    expect((await budgets.reserve([limit], 200)).ok).toBe(false)
    if (first.ok) {
      first.reservation.settle(100)
      first.reservation.settle(900)
    }
    expect((await budgets.reserve([limit], 900)).ok).toBe(true)
    expect(await budgets.hasRoom(limit)).toBe(false)
  })

  test('the ledger tells what was spent before; other days, keys and payers do not count', async () => {
    const { budgets, database, clock } = await make()
    await spend(database, NOON - 3_600_000, 600)
    await spend(database, NOON - DAY, 5_000)
    await spend(database, NOON, 5_000, { api_key_id: 'K2', user_id: 'U2', provider_key_id: 'P2', billed_to: 'server' })
    await spend(database, NOON, null)
    expect((await budgets.reserve([limit], 401)).ok).toBe(false)
    const verdict = await budgets.reserve([limit], 400)
    expect(verdict.ok).toBe(true)
    expect((await budgets.reserve([{ ...limit, kind: 'provider-key', id: 'P1' }], 401)).ok).toBe(false)
    expect((await budgets.reserve([{ ...limit, kind: 'allowance', id: 'U1' }], 1_000)).ok).toBe(true)
    expect((await budgets.reserve([{ ...limit, kind: 'allowance', id: 'U2' }], 1)).ok).toBe(false)
    clock.time += DAY
    expect((await budgets.reserve([limit], 1_000)).ok).toBe(true)
  })

  test('several limits hold together: one that is full keeps all untouched', async () => {
    const { budgets } = await make()
    const tight: SpendingLimit = { kind: 'provider-key', id: 'P9', usdNanos: 10, period: 'total' }
    expect(await budgets.reserve([limit, tight], 11)).toMatchObject({ ok: false, limit: tight, resetsAt: null })
    expect((await budgets.reserve([limit], 1_000)).ok).toBe(true)
  })
})

test('periods begin and end at UTC midnight', () => {
  expect(new Date(startOfPeriod('day', NOON)).toISOString()).toBe('2026-11-22T00:00:00.000Z')
  expect(new Date(endOfPeriod('day', NOON)!).toISOString()).toBe('2026-11-23T00:00:00.000Z')
  expect(new Date(startOfPeriod('month', NOON)).toISOString()).toBe('2026-11-01T00:00:00.000Z')
  expect(new Date(endOfPeriod('month', Date.UTC(2026, 11, 31))!).toISOString()).toBe('2027-01-01T00:00:00.000Z')
  expect(endOfPeriod('total', NOON)).toBeNull()
})
