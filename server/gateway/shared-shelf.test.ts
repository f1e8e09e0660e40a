// Reasoning state of a conversation that goes on at another instance.
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { startRedis, type RedisServer } from '../../test/support/redis-server.ts'
import { describeRedis } from '../../test/support/redis.ts'
import { openRedis, type Redis } from '../database/redis.ts'
import { systemClock } from '../kernel/clock.ts'
import { Secret } from '../kernel/secret.ts'
import type { CallItem, Item, Signature } from '../protocols/canonical.ts'
import { createReasoningState, type ReasoningState } from './reasoning-state.ts'

const signature: Signature = {
  provider: 'anthropic',
  account: '01K',
  model: 'm',
  kind: 'signature',
  value: 'c2ln',
}
const call: CallItem = { kind: 'call', turn: 0, id: 'call_1', name: 'look', argsText: '{}', style: 'json' }
const answerWith = (signature: Signature): readonly Item[] => [
  { kind: 'reasoning', turn: 0, text: '', signature },
  { ...call },
]
const answer = answerWith(signature)
const secret = randomBytes(32)

describeRedis('reasoning state shared through Redis', () => {
  let server: RedisServer
  const opened: Redis[] = []

  beforeAll(async () => {
    server = await startRedis()
  })
  afterEach(() => {
    for (const redis of opened.splice(0)) redis.close()
  })
  afterAll(() => server.kill())

  async function open(): Promise<Redis> {
    const redis = await openRedis({ url: new Secret(server.url), log: pino({ level: 'silent' }), timeoutMs: 5_000 })
    opened.push(redis)
    await vi.waitFor(() => expect(redis.isUp).toBe(true), 20_000)
    return redis
  }

  const instance = async (): Promise<ReasoningState> =>
    createReasoningState({ secret, clock: systemClock, redis: await open() })

  const restored = (state: ReasoningState, tenant: string): readonly Item[] =>
    state.restore(tenant, [{ ...call }], 'anthropic')

  test('is put back at the instance where the conversation goes on, for its tenant alone', async () => {
    const [one, two] = [await instance(), await instance()]
    one.remember('alice', answer)
    await vi.waitFor(async () => {
      await two.refresh('alice')
      expect(two.holdsFor('alice')).toBe(true)
    }, 20_000)
    expect(restored(two, 'alice')).toEqual(restored(one, 'alice'))
    expect(restored(two, 'alice')[0]).toMatchObject({ kind: 'reasoning', signature: { value: 'c2ln' } })
    await two.refresh('bob')
    expect(restored(two, 'bob')).toEqual([call])
  })

  test('what came later is taken over at the next look, and whose key made a value is known', async () => {
    const [one, two] = [await instance(), await instance()]
    for (const value of ['first', 'second']) {
      one.noteProducer('carol', value, { provider: 'openai', account: '01K' })
      await vi.waitFor(async () => {
        await two.refresh('carol')
        expect(two.producerOf('carol', value)).toEqual({ provider: 'openai', account: '01K' })
      }, 20_000)
    }
  })

  test('stands in Redis sealed, and not for good', async () => {
    const redis = await open()
    const one = await instance()
    one.remember('dave', answerWith({ ...signature, thoughts: 'secretly thinking' }))
    await vi.waitFor(async () => expect(await redis.send(['PTTL', 'uniroute:state:dave'])).toBeGreaterThan(0), 20_000)
    const stored = JSON.stringify(await redis.send(['XRANGE', 'uniroute:state:dave', '-', '+']))
    expect(stored).toContain('call_1')
    for (const readable of ['secretly', 'c2ln', 'anthropic', '01K']) expect(stored).not.toContain(readable)
  })

  test('stays with the instance that made it while Redis is away', async () => {
    const one = await instance()
    await server.kill()
    await vi.waitFor(() => expect(opened[0]!.isUp).toBe(false), 20_000)
    one.remember('erin', answer)
    expect(one.refresh('erin')).toBeNull()
    expect(restored(one, 'erin')).toHaveLength(2)
    await server.start()
  })
})
