// Live events: who hears what, and when a stream ends.
import { afterEach, describe, expect, test } from 'vitest'
import { liveEventSchemas } from '../../../contract/events.ts'
import type { Principal } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createEvents, type Events, MOST_STREAMS_PER_USER } from './events.ts'

const [ANNA, BEN] = ['anna', 'ben']

function principal(userId: string, role: 'user' | 'admin' = 'user'): Principal {
  return { kind: 'session', userId, role, sessionId: 's', apiKeyId: null, teamId: null, authenticatedAt: 0 }
}

const opened: Events[] = []
afterEach(() => {
  for (const events of opened.splice(0)) events.close()
})

function start(options: { heartbeatMs?: number; checkMs?: number } = {}) {
  const state = { refused: false, away: false, role: 'admin' as 'admin' | 'user', stopping: false }
  const events = createEvents({
    async recheck() {
      if (state.away) throw new GatewayError('storage_unavailable')
      if (state.refused) throw new GatewayError('session_expired')
      return principal(ANNA, state.role)
    },
    isStopping: () => state.stopping,
    heartbeatMs: 60_000,
    checkMs: 5,
    ...options,
  })
  opened.push(events)

  /** A stream that stands, with what it said since. */
  async function listen(who: Principal, all = false) {
    const gone = new AbortController()
    const frames = events.listen({ principal: who, token: 'a.b.c', all })(gone.signal)[Symbol.asyncIterator]()
    const next = async (): Promise<string> => {
      const { value, done } = await frames.next()
      return done ? 'over' : (value as string)
    }
    expect(await next()).toBe('event: ready\ndata: {}\n\n')
    return { next, leave: () => gone.abort() }
  }
  const key = (userId: string, id: string) => events.publish('key', userId, () => ({ id, status: null }))
  return { events, state, listen, key }
}

const frame = (id: string): string => `event: key\ndata: {"id":"${id}","status":null}\n\n`

describe('a stream', () => {
  test('tells of what is one’s own, in order, and of nothing else', async () => {
    const { listen, key, events } = start()
    const anna = await listen(principal(ANNA))
    key(BEN, 'pk_1')
    key(ANNA, 'pk_2')
    key(ANNA, 'pk_3')
    expect(await anna.next()).toBe(frame('pk_2') + frame('pk_3'))
    // Nobody listens: it is not even put into words.
    events.publish('key', BEN, () => expect.fail('described for nobody'))
  })

  test('an administrator may hear everybody’s requests, but keys and notifications only of their own', async () => {
    const { listen, key, events } = start()
    const admin = await listen(principal(ANNA, 'admin'), true)
    const quiet = await listen(principal(ANNA, 'admin'))
    const request = { id: 'req_1' } as never
    key(BEN, 'pk_1')
    events.publish('request', BEN, () => request)
    key(ANNA, 'pk_2')
    expect(await admin.next()).toBe(`event: request\ndata: {"id":"req_1"}\n\n${frame('pk_2')}`)
    expect(await quiet.next()).toBe(frame('pk_2'))
    expect(() => events.listen({ principal: principal(BEN), token: 't', all: true })).toThrow('Only an administrator')
  })

  test('one who does not keep up is told so and let go; what waits for them is bounded', async () => {
    const { listen, events } = start()
    const slow = await listen(principal(ANNA))
    const big = { id: 'x'.repeat(10_000), status: null }
    let described = 0
    for (let i = 0; i < 1_000; i++) events.publish('key', ANNA, () => (described++, big))
    expect(await slow.next()).toBe('event: end\ndata: {"reason":"slow"}\n\n')
    expect(await slow.next()).toBe('over')
    expect(described).toBeGreaterThan(0)
    expect(events.size).toBe(0)
  })

  test('ends when its session does, not when the question cannot be answered', async () => {
    const { listen, state, key } = start()
    const anna = await listen(principal(ANNA))
    state.away = true
    await new Promise((resolve) => setTimeout(resolve, 30))
    key(ANNA, 'pk_1')
    expect(await anna.next()).toBe(frame('pk_1'))
    Object.assign(state, { away: false, refused: true })
    expect(await anna.next()).toBe('event: end\ndata: {"reason":"session"}\n\n')
    expect(await anna.next()).toBe('over')
  })

  test('of everybody’s requests ends when its owner is no administrator any more', async () => {
    const { listen, state } = start()
    const admin = await listen(principal(ANNA, 'admin'), true)
    state.role = 'user'
    expect(await admin.next()).toBe('event: end\ndata: {"reason":"role"}\n\n')
  })

  test('ends when the server stops', async () => {
    const { listen, state } = start()
    const anna = await listen(principal(ANNA))
    state.stopping = true
    expect(await anna.next()).toBe('event: end\ndata: {"reason":"stopping"}\n\n')
    expect(await anna.next()).toBe('over')
  })

  test('beats while nothing happens', async () => {
    const { listen } = start({ heartbeatMs: 1 })
    const anna = await listen(principal(ANNA))
    expect(await anna.next()).toBe(': heartbeat\n\n')
    expect(await anna.next()).toBe(': heartbeat\n\n')
  })

  test('is forgotten when its reader leaves; a user has so many and no more', async () => {
    const { listen, events } = start()
    const streams = await Promise.all(Array.from({ length: MOST_STREAMS_PER_USER }, () => listen(principal(ANNA))))
    await expect(listen(principal(ANNA))).rejects.toMatchObject({ code: 'rate_limit_exceeded' })
    await listen(principal(BEN))
    const ends = streams.map(({ next, leave }) => (leave(), next()))
    expect(new Set(await Promise.all(ends))).toEqual(new Set(['over']))
    expect(events.size).toBe(1)
    await listen(principal(ANNA))
  })
})

test('every event has a shape', () => {
  expect(Object.keys(liveEventSchemas)).toEqual(['ready', 'request', 'key', 'notification', 'end'])
})
