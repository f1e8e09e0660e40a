import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { RUNS } from '../../../test/support/properties.ts'
import { startRedis, type RedisServer } from '../../../test/support/redis-server.ts'
import { describeRedis } from '../../../test/support/redis.ts'
import { openRedis, RedisAway, type Redis } from '../../database/redis.ts'
import { systemClock, type Clock } from '../../kernel/clock.ts'
import { Secret } from '../../kernel/secret.ts'
import { createMemoryRateStore, type RateStore, type RateWindow, type TakeVerdict } from './rate-store.ts'
import { createRateShare } from './rate-share.ts'
import { createSharedRateStore } from './shared-rate-store.ts'

const log = pino({ level: 'silent' })
const NOON = Date.UTC(2026, 10, 22, 12)

function movableClock(start = NOON): Clock & { advance(ms: number): void } {
  let time = start
  return { now: () => time, monotonic: () => time - start, advance: (ms) => void (time += ms) }
}

const window = (name: string, most: number, per: RateWindow['per']): RateWindow => ({ name, most, per })

const windows = fc
  .tuple(
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 2_000 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 5_000 }),
  )
  .map(([a, b, c, d]) => [
    window('a', a, 'minute'),
    window('b', b, 'minute'),
    window('c', c, 'day'),
    window('d', d, 'day'),
  ])

const step = fc.record({
  pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 6 * 3_600_000 })),
  which: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
  costs: fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 6_000 })), { minLength: 4, maxLength: 4 }),
  correction: fc.option(fc.integer({ min: -6_000, max: 6_000 })),
})

describeRedis('rate limits shared through Redis', () => {
  let server: RedisServer
  const opened: Redis[] = []

  beforeAll(async () => {
    server = await startRedis()
  })
  beforeEach(async () => {
    await (await open()).send(['FLUSHALL'])
  })
  afterEach(() => {
    for (const redis of opened.splice(0)) redis.close()
  })
  afterAll(() => server.kill())

  async function open(): Promise<Redis> {
    // Where many tests run at once, an answer may take longer than it does for callers.
    const redis = await openRedis({ url: new Secret(server.url), log, timeoutMs: 5_000 })
    opened.push(redis)
    await vi.waitFor(() => expect(redis.isUp).toBe(true), 20_000)
    return redis
  }

  function share(redis: Redis, clock: Clock, more: { instances?: number; readNow?: () => number } = {}) {
    const { instances = 1, ...rest } = more
    const local = createRateShare({ store: createMemoryRateStore({ clock }), countInstances: () => instances })
    return createSharedRateStore({ redis, local, clock, ...rest })
  }

  test('decide as memory does, whatever is asked and given back, at whatever times', async () => {
    const redis = await open()
    await fc.assert(
      fc.asyncProperty(windows, fc.array(step, { minLength: 1, maxLength: 25 }), async (all, steps) => {
        await redis.send(['FLUSHALL'])
        const clock = movableClock()
        const memory = createMemoryRateStore({ clock })
        const shared = share(redis, clock, { readNow: clock.now })
        for (const { pauseMs, which, costs, correction } of steps) {
          const takenAt = clock.now()
          clock.advance(pauseMs)
          const takes = which.map((at) => ({ window: all[at]!, cost: costs[at]! }))
          const verdict = await memory.take(takes)
          expectSame(await shared.take(takes), verdict)
          if (correction === null) continue
          const corrections = takes.map((take) => ({ ...take, cost: correction }))
          memory.correct(corrections, takenAt)
          shared.correct(corrections, takenAt)
        }
        expect(shared.decidedHere).toBe(0)
      }),
      RUNS,
    )
  })

  test('two instances together let in what one would, by the clock of Redis', async () => {
    const [one, two] = [share(await open(), systemClock), share(await open(), systemClock)]
    const takes = [
      { window: window('m', 10, 'minute'), cost: 1 },
      { window: window('d', 100, 'day'), cost: 1 },
    ]
    const verdicts = await Promise.all(Array.from({ length: 40 }, (_, at) => (at % 2 ? one : two).take(takes)))
    expect(verdicts.filter(({ ok }) => ok)).toHaveLength(10)
    const refused = verdicts.find((verdict) => !verdict.ok) as Extract<TakeVerdict, { ok: false }>
    expect(refused).toMatchObject({ index: 0, states: [{ remaining: 0 }, { remaining: 90 }] })
    expect(refused.waitMs).toBeGreaterThan(0)
    expect(refused.waitMs).toBeLessThanOrEqual(6_000)
  })

  test('a clock of Redis that jumps back closes no window and opens none', async () => {
    const clock = movableClock()
    const shared = share(await open(), clock, { readNow: clock.now })
    const minute = [{ window: window('m', 2, 'minute'), cost: 1 }]
    const day = [{ window: window('d', 2, 'day'), cost: 1 }]
    for (const takes of [minute, day]) {
      await shared.take(takes)
      await shared.take(takes)
    }
    clock.advance(-13 * 3_600_000)
    expect(await shared.take(minute)).toMatchObject({ ok: false, waitMs: 30_000 })
    expect(await shared.take(day)).toMatchObject({ ok: false, states: [{ remaining: 0 }] })
  })

  test('nothing stays in Redis of windows that are whole again', async () => {
    const redis = await open()
    const clock = movableClock()
    const shared = share(redis, clock, { readNow: clock.now })
    const takes = [
      { window: window('m', 60, 'minute'), cost: 3 },
      { window: window('d', 60, 'day'), cost: 3 },
    ]
    await shared.take(takes)
    expect(await redis.send(['DBSIZE'])).toBe(2)
    const left = Number(await redis.send(['PTTL', 'uniroute:rate:m']))
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(4_000)
    shared.correct(
      takes.map((take) => ({ ...take, cost: -3 })),
      clock.now(),
    )
    expect(await redis.send(['DBSIZE'])).toBe(0)
  })

  test('without Redis each instance lets in its share, and what a call gives back goes where it was taken', async () => {
    const own = await startRedis()
    const redis = await openRedis({ url: new Secret(own.url), log })
    opened.push(redis)
    await vi.waitFor(() => expect(redis.isUp).toBe(true), 20_000)
    const clock = movableClock()
    const shared = share(redis, clock, { instances: 3, readNow: clock.now })
    const takes = [{ window: window('m', 10, 'minute'), cost: 1 }]
    const letIn = async (store: RateStore, calls: number) => {
      let count = 0
      for (let call = 0; call < calls; call++) if ((await store.take(takes)).ok) count++
      return count
    }
    expect(await letIn(shared, 4)).toBe(4)
    const before = clock.now()
    clock.advance(1)
    await own.kill()
    expect(await letIn(shared, 20)).toBe(3)
    expect(shared.decidedHere).toBe(20)
    // The call of before is Redis's affair, this one is ours.
    shared.correct([{ ...takes[0]!, cost: -1 }], before)
    expect(await letIn(shared, 1)).toBe(0)
    shared.correct([{ ...takes[0]!, cost: -1 }], clock.now())
    expect(await letIn(shared, 2)).toBe(1)
    await own.start()
    await vi.waitFor(() => expect(redis.isUp).toBe(true), 20_000)
    expect(await letIn(shared, 20)).toBe(10)
    await own.kill()
  })

  /** Sums of fractions may differ by a hair, and what is rounded up by a millisecond. */
  function expectSame(found: TakeVerdict, wanted: TakeVerdict): void {
    const near = (ms: number) => expect.toSatisfy((other: number) => Math.abs(other - ms) <= 1)
    expect(found).toEqual({
      ...wanted,
      ...(wanted.ok ? {} : { waitMs: near(wanted.waitMs) }),
      states: wanted.states.map(({ remaining, resetMs }) => ({ remaining, resetMs: near(resetMs) })),
    })
  }
})

test('what a call gives back goes where it was taken, also where that was found out while it waited', async () => {
  const clock = movableClock()
  const corrected: string[] = []
  const local: RateStore = {
    take: () => ({ ok: true, states: [{ remaining: 1, resetMs: 0 }] }),
    correct: () => void corrected.push('here'),
  }
  const asked: PromiseWithResolvers<unknown>[] = []
  const run = (_script: unknown, _keys: unknown, [, takenAt]: readonly string[]): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>()
    if (takenAt === '') asked.push(answer)
    else corrected.push('there')
    return answer.promise
  }
  const shared = createSharedRateStore({ redis: { isUp: true, run }, local, clock })
  const takes = [{ window: { name: 'm', most: 10, per: 'minute' as const }, cost: 5 }]
  const began: { at: number; verdict: TakeVerdict | Promise<TakeVerdict> }[] = []
  const take = () => {
    began.push({ at: clock.now(), verdict: shared.take(takes) })
    clock.advance(1)
  }
  for (let calls = 0; calls < 3; calls++) take()
  clock.advance(100)
  for (const answer of asked.splice(0)) answer.reject(new RedisAway('no answer'))
  await Promise.all(began.map(({ verdict }) => verdict))
  take()
  take()
  clock.advance(50)
  for (const answer of asked.splice(0)) answer.resolve(['-1', '0', '5', '0'])
  await Promise.all(began.map(({ verdict }) => verdict))
  for (const { at } of began) shared.correct(takes, at)
  expect(corrected).toEqual(['here', 'here', 'here', 'there', 'there'])
})
