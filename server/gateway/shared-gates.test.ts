// Breakers of several instances, told to each other through a real Redis.
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createMovableClock } from '../../test/support/account-rooms.ts'
import { startRedis, type RedisServer } from '../../test/support/redis-server.ts'
import { describeRedis } from '../../test/support/redis.ts'
import { openRedis, type Redis } from '../database/redis.ts'
import { Secret } from '../kernel/secret.ts'
import { type BreakerKey, type Breakers, createBreakers } from './breaker.ts'
import { createSharedGates, type LookingGates } from './shared-gates.ts'

const KEY: BreakerKey = { provider: 'openai', model: 'gpt-4o', side: 'user', owner: 'ada', origin: '' }
/** Whose request it is, where that makes no difference. */
const ASKER = {}
const SERVER: BreakerKey = { ...KEY, side: 'server', owner: 'server' }

describeRedis('breakers shared through Redis', () => {
  let server: RedisServer
  let clock = createMovableClock()
  const opened: Redis[] = []
  const gates: LookingGates[] = []

  beforeAll(async () => {
    server = await startRedis()
  })
  beforeEach(async () => {
    clock = createMovableClock()
    await (await open()).send(['FLUSHALL'])
  })
  afterEach(() => {
    for (const one of gates.splice(0)) one.stop()
    for (const redis of opened.splice(0)) redis.close()
  })
  afterAll(() => server.kill())

  // Where many tests run at once, an answer may take longer than it does for callers.
  async function open(timeoutMs = 5_000): Promise<Redis> {
    const redis = await openRedis({ url: new Secret(server.url), log: pino({ level: 'silent' }), timeoutMs })
    opened.push(redis)
    await vi.waitFor(() => expect(redis.isUp).toBe(true), 8_000)
    return redis
  }

  interface Joined {
    readonly breakers: Breakers
    readonly gates: LookingGates
    /** The way from this instance to Redis. */
    readonly way: { asked: number; isCut: boolean; answersAfter: Promise<void> | null }
  }

  function join(redis: Redis): Joined {
    const way: Joined['way'] = { asked: 0, isCut: false, answersAfter: null }
    const through: Pick<Redis, 'isUp' | 'run'> = {
      get isUp() {
        return redis.isUp && !way.isCut
      },
      async run(script, keys, args) {
        way.asked++
        const answer = await redis.run(script, keys, args)
        await way.answersAfter
        return answer
      },
    }
    const own: LookingGates = createSharedGates({
      redis: through,
      announce: () => gates.filter((other) => other !== own).forEach((other) => other.look()),
      readNow: () => clock.now(),
    })
    gates.push(own)
    return { breakers: createBreakers({ clock, shared: own }), way, gates: own }
  }

  async function instances(count: number): Promise<Breakers[]> {
    return Promise.all(Array.from({ length: count }, async () => join(await open()).breakers))
  }

  const fail = (breakers: Breakers, key: BreakerKey, times = 20): void => {
    for (let i = 0; i < times; i++) breakers.record(key, true)
  }
  /** Failures of two owners, so that it opens for all. */
  const failForAll = (breakers: Breakers): void => {
    for (const owner of ['ada', 'bob']) fail(breakers, { ...KEY, owner }, 10)
  }
  /** A connection's commands are done in order, so what was said before is done now. */
  const untilSaid = () => Promise.all(opened.map((redis) => redis.send(['PING'])))
  const untilHeard = (work: () => unknown) => vi.waitFor(work, { timeout: 8_000, interval: 10 })
  const leftAt = (all: readonly Breakers[], key = KEY) => all.map((one) => one.openFor(key))
  const askAll = async (all: readonly Breakers[], key = KEY): Promise<number> => {
    const answers = await Promise.all(all.flatMap((one) => Array.from({ length: 10 }, () => one.allows(key, ASKER))))
    return answers.filter(Boolean).length
  }

  describe('opening and closing', () => {
    test('what one instance found down the others leave alone, for as long, and list', async () => {
      const all = await instances(3)
      failForAll(all[0]!)
      await untilHeard(() => expect(leftAt(all)).toEqual([10_000, 10_000, 10_000]))
      expect(await askAll(all)).toBe(0)
      expect(all[2]!.listOpen()).toEqual(all[0]!.listOpen())
      expect(all.map(({ openings }) => openings)).toEqual([
        { here: 1, elsewhere: 0 },
        { here: 0, elsewhere: 1 },
        { here: 0, elsewhere: 1 },
      ])
    })

    test('its end is known to all, and the failures before it are forgotten by all', async () => {
      const all = await instances(2)
      failForAll(all[0]!)
      failForAll(all[1]!)
      await untilHeard(() => expect(leftAt(all)).toEqual([10_000, 10_000]))
      clock.advance(10_000)
      expect(await all[1]!.allows(KEY, ASKER)).toBe(true)
      all[1]!.record(KEY, false)
      await untilHeard(() => expect(leftAt(all)).toEqual([null, null]))
      fail(all[0]!, KEY, 1)
      expect(all[0]!.allows(KEY, ASKER)).toBe(true)
    })

    test('two that open at once make one opening, and what was under way before neither ends nor lengthens it', async () => {
      const all = await instances(2)
      for (const one of all) failForAll(one)
      await untilHeard(async () => expect(await entries()).toHaveLength(1))
      clock.advance(9_999)
      for (const one of all) one.record(KEY, false)
      expect(leftAt(all)).toEqual([1, 1])
      clock.advance(1)
      expect(await askAll(all)).toBe(1)
    })

    test('who starts while it is open learns of it, and who was away', async () => {
      const [first] = (await instances(1)) as [Breakers]
      failForAll(first)
      const [late] = (await instances(1)) as [Breakers]
      await untilHeard(() => expect(late.openFor(KEY)).toBe(10_000))
    })

    test('who has not heard of it and finds it down too does not lengthen it', async () => {
      const [one, two] = [join(await open()), join(await open())]
      await untilHeard(() => expect(two.way.asked).toBe(1))
      two.gates.stop()
      failForAll(one.breakers)
      await untilHeard(async () => expect(await entries()).toHaveLength(1))
      clock.advance(5_000)
      failForAll(two.breakers)
      await two.breakers.allowsLastResort(KEY)
      const late = join(await open())
      await untilHeard(() => expect(late.breakers.openFor(KEY)).toBe(5_000))
    })

    test('a late success of before closes nothing that was opened again meanwhile', async () => {
      const [one, two] = [join(await open()), join(await open())]
      failForAll(one.breakers)
      await untilHeard(() => expect(two.breakers.openFor(KEY)).toBe(10_000))
      two.gates.stop()
      clock.advance(10_000)
      one.breakers.record(KEY, true)
      await untilHeard(async () => expect(await one.breakers.allowsLastResort(KEY)).toBe(true))
      two.breakers.record(KEY, false)
      await two.breakers.allowsLastResort(KEY)
      const late = join(await open())
      await untilHeard(() => expect(late.breakers.openFor(KEY)).toBe(20_000))
    })

    test('an end of before closes nothing that one opened while Redis was away from it', async () => {
      const [one, two] = [join(await open()), join(await open())]
      failForAll(one.breakers)
      await untilHeard(() => expect(two.breakers.openFor(KEY)).toBe(10_000))
      clock.advance(10_000)
      one.breakers.record(KEY, false)
      await untilHeard(() => expect(leftAt([one.breakers, two.breakers])).toEqual([null, null]))
      two.way.isCut = true
      clock.advance(1_000)
      failForAll(two.breakers)
      two.way.isCut = false
      const before = two.way.asked
      two.gates.look()
      await untilHeard(() => expect(two.way.asked).toBeGreaterThan(before))
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(two.breakers.openFor(KEY)).toBe(10_000)
    })

    test('a list that was on its way when one closed here does not open it again', async () => {
      const { breakers, way, gates: own } = join(await open())
      await untilHeard(() => expect(way.asked).toBe(1))
      await entries()
      failForAll(breakers)
      await untilHeard(async () => expect(await entries()).toHaveLength(1))
      clock.advance(10_000)
      const { promise, resolve } = Promise.withResolvers<void>()
      way.answersAfter = promise
      const before = way.asked
      own.look()
      await untilHeard(() => expect(way.asked).toBeGreaterThan(before))
      breakers.record(KEY, false)
      resolve()
      await new Promise((done) => setTimeout(done, 50))
      expect(breakers.openFor(KEY)).toBeNull()
    })

    test('one that nobody tries is forgotten after ten minutes', async () => {
      const [one, two] = (await instances(2)) as [Breakers, Breakers]
      failForAll(one)
      await untilHeard(() => expect(leftAt([one, two])).toEqual([10_000, 10_000]))
      clock.advance(610_001)
      gates.forEach((each) => each.look())
      await untilHeard(() => expect([one.openCount, two.openCount]).toEqual([0, 0]))
    })

    test('a word that was lost costs seconds', async () => {
      const one = join(await open())
      gates.splice(0)
      const other = join(await open())
      failForAll(one.breakers)
      await untilHeard(() => expect(other.breakers.openFor(KEY)).toBe(10_000))
      one.gates.stop()
    })
  })

  describe('for whom', () => {
    test.each<[string, BreakerKey, Partial<BreakerKey>[]]>([
      ['one owner', KEY, [{ owner: 'bob' }, SERVER]],
      ['the server', SERVER, [{ side: 'user', owner: 'ada' }, { model: 'gpt-5' }, { provider: 'anthropic' }]],
      ['a base URL', { ...KEY, origin: 'https://a.example' }, [KEY, { origin: 'https://b.example' }]],
    ])('what opened for %s is open for nobody else at the other instance', async (_name, down, others) => {
      const all = await instances(2)
      fail(all[0]!, down)
      await untilHeard(() => expect(leftAt(all, down)).toEqual([10_000, 10_000]))
      for (const other of others) expect(all[1]!.allows({ ...down, ...other }, ASKER)).toBe(true)
      expect(all[1]!.listOpen()).toMatchObject([{ oneOwner: down.side === 'user' }])
      expect(all[1]!.listOpenFor('bob', ['https://a.example'])).toEqual([])
    })
  })

  describe('coming back', () => {
    async function halfOpen(count: number): Promise<Breakers[]> {
      const all = await instances(count)
      failForAll(all[0]!)
      await untilHeard(() => expect(leftAt(all).every((left) => left === 10_000)).toBe(true))
      clock.advance(10_000)
      return all
    }

    test('of all instances one sends one probe, however many calls meet it', async () => {
      const all = await halfOpen(4)
      expect(await askAll(all)).toBe(1)
      clock.advance(1_000)
      expect(await askAll(all)).toBe(0)
    })

    test('a probe that fails opens it at all for twice as long, up to two minutes', async () => {
      const all = await halfOpen(3)
      const lengths: number[] = []
      for (let round = 0; round < 5; round++) {
        const at = all[round % 3]!
        expect(await at.allows(KEY, ASKER)).toBe(true)
        at.record(KEY, true)
        lengths.push(at.openFor(KEY)!)
        await untilHeard(() => expect(new Set(leftAt(all)).size).toBe(1))
        clock.advance(at.openFor(KEY)!)
      }
      expect(lengths).toEqual([20_000, 40_000, 80_000, 120_000, 120_000])
    })

    test('a probe that told nothing gives its turn to another instance', async () => {
      const [one, two] = (await halfOpen(2)) as [Breakers, Breakers]
      expect(await one.allows(KEY, ASKER)).toBe(true)
      expect(await two.allows(KEY, ASKER)).toBe(false)
      one.release(KEY, ASKER)
      await untilSaid()
      clock.advance(1_000)
      expect(await two.allows(KEY, ASKER)).toBe(true)
      expect(await one.allows(KEY, ASKER)).toBe(false)
    })

    test('what ends without having been the probe takes it from nobody', async () => {
      const [one, two] = (await halfOpen(2)) as [Breakers, Breakers]
      expect(await one.allows(KEY, ASKER)).toBe(true)
      two.release(KEY, ASKER)
      await untilSaid()
      clock.advance(1_000)
      expect(await two.allows(KEY, ASKER)).toBe(false)
    })

    test('who began a probe while Redis was away gives back none of another', async () => {
      const [one, two] = [join(await open()), join(await open())]
      failForAll(one.breakers)
      await untilHeard(() => expect(two.breakers.openFor(KEY)).toBe(10_000))
      clock.advance(10_000)
      one.way.isCut = true
      expect([await one.breakers.allows(KEY, ASKER), await two.breakers.allows(KEY, ASKER)]).toEqual([true, true])
      one.way.isCut = false
      one.breakers.release(KEY, ASKER)
      await untilSaid()
      expect(await one.breakers.allows(KEY, ASKER)).toBe(false)
    })

    test('while another probes, one asks once a second', async () => {
      const [one, two] = [join(await open()), join(await open())]
      failForAll(one.breakers)
      await untilHeard(() => expect(two.breakers.openFor(KEY)).toBe(10_000))
      clock.advance(10_000)
      gates.forEach((each) => each.stop())
      expect(await one.breakers.allows(KEY, ASKER)).toBe(true)
      const before = two.way.asked
      for (let at = 0; at < 100; at++) {
        expect(await two.breakers.allows(KEY, ASKER)).toBe(false)
        clock.advance(20)
      }
      expect(two.way.asked - before).toBe(2)
    })

    test('a probe that is lost with its instance is another’s after a minute', async () => {
      const [one, two] = (await halfOpen(2)) as [Breakers, Breakers]
      expect(await one.allows(KEY, ASKER)).toBe(true)
      clock.advance(59_999)
      expect(await two.allows(KEY, ASKER)).toBe(false)
      clock.advance(1_000)
      expect(await two.allows(KEY, ASKER)).toBe(true)
    })

    test('who has not heard of the end yet asks, and goes on', async () => {
      const [one, two] = (await halfOpen(2)) as [Breakers, Breakers]
      gates.forEach((each) => each.stop())
      expect(await one.allows(KEY, ASKER)).toBe(true)
      one.record(KEY, false)
      expect(await two.allows(KEY, ASKER)).toBe(true)
      expect(two.openFor(KEY)).toBeNull()
    })

    test('the last target is let through once a second by all together', async () => {
      const all = await instances(4)
      failForAll(all[0]!)
      await untilHeard(() => expect(leftAt(all).every((left) => left === 10_000)).toBe(true))
      let letThrough = 0
      for (let at = 0; at < 3_000; at += 100) {
        const answers = await Promise.all(all.map((one) => one.allowsLastResort(KEY)))
        letThrough += answers.filter(Boolean).length
        clock.advance(100)
      }
      expect(letThrough).toBe(3)
    })
  })

  describe('what it costs', () => {
    test('while all are closed a call asks Redis nothing, and waits for nothing', async () => {
      const { breakers, way, gates: own } = join(await open())
      await untilHeard(() => expect(way.asked).toBe(1))
      own.stop()
      for (let i = 0; i < 200; i++) {
        expect(breakers.allows(KEY, ASKER)).toBe(true)
        breakers.record(KEY, i % 3 === 0)
      }
      expect(way.asked).toBe(1)
    })

    test('while one is open nobody asks either', async () => {
      const { breakers, way, gates: own } = join(await open())
      await untilHeard(() => expect(way.asked).toBe(1))
      own.stop()
      fail(breakers, KEY)
      for (let i = 0; i < 200; i++) expect(breakers.allows(KEY, ASKER)).toBe(false)
      expect(way.asked).toBe(2)
    })

    test('Redis keeps a thousand, none for good; what has too long a name is not shared', async () => {
      const redis = await open()
      const one = join(redis)
      for (let i = 0; i < 1_100; i++) fail(one.breakers, { ...KEY, model: `m${i}` })
      fail(one.breakers, { ...KEY, model: 'm'.repeat(600) })
      one.breakers.allowsLastResort(KEY)
      await one.breakers.allowsLastResort({ ...KEY, model: 'm1099' })
      expect(await entries()).toHaveLength(1_000)
      const keys = (await redis.send(['KEYS', '*'])) as string[]
      expect(keys.every((key) => key.startsWith('uniroute:breakers'))).toBe(true)
      for (const key of keys) expect(await redis.send(['PTTL', key])).toBeGreaterThan(0)
      expect(keys).toHaveLength(3)
      expect(one.breakers.openCount).toBe(1_101)
    })

    test('what is over goes when something is written', async () => {
      const [one] = (await instances(1)) as [Breakers]
      fail(one, KEY)
      await untilHeard(async () => expect(await entries()).toHaveLength(1))
      clock.advance(700_000)
      fail(one, { ...KEY, model: 'other' })
      await untilHeard(async () => expect(await entries()).toEqual([expect.stringContaining('other')]))
    })

    test('what stands there and is none of ours is passed over', async () => {
      const redis = await open()
      for (const [field, value] of [
        ['no json', '1 2 3'],
        ['["openai","m","elsewhere","",""]', '9999999999999 1000 0 0 -'],
        [JSON.stringify(['openai', 'gpt-4o', 'user', '', '']), 'soon'],
        [JSON.stringify(['openai', 'good', 'user', '', '']), `${clock.now() + 5_000} 5000 0 0 -`],
      ] as const) {
        await redis.send(['HSET', 'uniroute:breakers', field, value])
      }
      const { breakers } = join(redis)
      await untilHeard(() => expect(breakers.listOpen()).toHaveLength(1))
      expect(breakers.openFor({ ...KEY, model: 'good' })).toBe(5_000)
    })
  })

  describe('while Redis is away', () => {
    afterEach(async () => {
      await server.kill()
      await server.start()
    })

    test('each decides for itself at once, and no call fails', async () => {
      const all = [join(await open()).breakers, join(await open()).breakers] as const
      await server.kill()
      await untilHeard(() => expect(opened.every(({ isUp }) => !isUp)).toBe(true))
      failForAll(all[0])
      expect(leftAt(all)).toEqual([10_000, null])
      failForAll(all[1])
      clock.advance(10_000)
      for (const one of all) {
        expect([one.allows(KEY, ASKER), one.allows(KEY, ASKER)]).toEqual([true, false])
        expect([one.allowsLastResort(KEY), one.allowsLastResort(KEY)]).toEqual([true, false])
        one.release(KEY, ASKER)
        expect(one.allows(KEY, ASKER)).toBe(true)
        one.record(KEY, false)
        expect(one.openFor(KEY)).toBeNull()
      }
    })

    test('of one that hangs the asker waits once and then probes; what was open there is shared again afterwards', async () => {
      const all = [join(await open(1_000)).breakers, join(await open(1_000)).breakers] as const
      failForAll(all[0])
      await untilHeard(() => expect(leftAt(all)).toEqual([10_000, 10_000]))
      clock.advance(10_000)
      server.freeze()
      expect(await all[0].allows(KEY, ASKER)).toBe(true)
      all[0].record(KEY, true)
      server.thaw()
      await untilHeard(() => expect(opened.every(({ isUp }) => isUp)).toBe(true))
      clock.advance(20_000)
      expect(await askAll(all)).toBe(1)
    })

    test('one that comes back empty makes no second probe', async () => {
      const all = (await instances(2)) as [Breakers, Breakers]
      failForAll(all[0])
      await untilHeard(() => expect(leftAt(all)).toEqual([10_000, 10_000]))
      await server.kill()
      await server.start()
      await untilHeard(() => expect(opened.every(({ isUp }) => isUp)).toBe(true))
      clock.advance(10_000)
      expect(await askAll(all)).toBe(1)
    })
  })

  async function entries(): Promise<string[]> {
    return (await opened.at(-1)!.send(['HKEYS', 'uniroute:breakers'])) as string[]
  }
})
