// One API key has so many requests under way at once and no more: the next is refused in its dialect, without a call to
// the provider, and let in as soon as one has ended, however it ended.
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS, expectError, type Dialect } from '../support/dialects.ts'
import type { Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const MOST = 3

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake, env: { API_KEY_CONCURRENCY: String(MOST) } })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const DIALECTS = CHAT_DIALECTS.map((dialect) => [dialect.name, dialect] as const)

interface Open {
  readonly status: number
  /** Held, for the body of an answer that nobody holds is given up when it is collected. */
  readonly response: Response
  leave(): void
}

/** A stream that nobody reads to its end. */
async function open(dialect: Dialect, apiKey: string): Promise<Open> {
  const leaving = new AbortController()
  const response = await fetch(uniroute.url + dialect.path(dialect.model, true), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...dialect.auth(apiKey) },
    body: JSON.stringify(dialect.body('hello', dialect.model, true)),
    signal: leaving.signal,
  })
  return { status: response.status, response, leave: () => leaving.abort() }
}

const ask = (dialect: Dialect, apiKey: string, body = dialect.body('hello', dialect.model, false)): Promise<Reply> =>
  uniroute.call('POST', dialect.path(dialect.model, false), { headers: dialect.auth(apiKey), body })

describe.each(DIALECTS)('%s', (_name, dialect) => {
  test('the request too many gets a 429 and is let in once another has ended', async () => {
    const keys = { [dialect.vendor]: createFakeKey(dialect.vendor, 'hang-midstream') }
    const caller = await uniroute.createCaller({ keys })
    const other = await uniroute.createApiKey(caller.token)
    const streams: Open[] = []
    for (let count = 0; count < MOST; count++) streams.push(await open(dialect, caller.apiKey))
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200))

    const calls = fake.requests.length
    const refused = await ask(dialect, caller.apiKey)
    expectError(dialect.family, refused, { status: 429, code: 'rate_limit_exceeded', source: 'gateway' })
    expect(refused.text).toMatch(/3 requests under way at once.*API_KEY_CONCURRENCY/)
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(fake.requests).toHaveLength(calls)
    // It counts per key, and who is refused takes no place.
    const others = await open(dialect, other.key)
    expect(others.status).toBe(200)
    others.leave()

    streams[0]!.leave()
    let again = await open(dialect, caller.apiKey)
    for (let tries = 0; again.status === 429 && tries < 50; tries++) {
      await setTimeout(100)
      again = await open(dialect, caller.apiKey)
    }
    expect(again.status).toBe(200)
    for (const stream of [again, ...streams]) stream.leave()
  })
})

test('answers, refusals and errors all give their place back', async () => {
  const dialect = CHAT_DIALECTS[0]!
  const good = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  const bad = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'invalid') } })
  for (let count = 0; count < MOST * 2; count++) {
    expect((await ask(dialect, good.apiKey)).status).toBe(200)
    expect((await ask(dialect, good.apiKey, { messages: [] })).status).toBe(400)
    expect([400, 401, 403, 424]).toContain((await ask(dialect, bad.apiKey)).status)
  }
  expect((await ask(dialect, good.apiKey)).status).toBe(200)
})
