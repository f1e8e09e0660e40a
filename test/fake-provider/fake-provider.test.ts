// The fake provider itself: an unfaithful one would make every test above it worthless.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey, type Vendor } from './fake-keys.ts'
import { startFakeProvider, type FakeProvider } from './fake-provider.ts'
import { parseScenario, SCENARIOS } from './scenarios.ts'

let fake: FakeProvider
beforeAll(async () => {
  fake = await startFakeProvider()
})
afterAll(() => fake.close())
afterEach(() => fake.forget())

const CHAT = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }
const MESSAGES = { model: 'claude-sonnet-5', max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] }
const GENERATE = { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] }

function call(vendor: Vendor, key: string, body: object, path?: string, headers: Record<string, string> = {}) {
  const places = {
    openai: ['/v1/chat/completions', { authorization: `Bearer ${key}` }],
    compat: ['/v1/chat/completions', { authorization: `Bearer ${key}` }],
    anthropic: ['/v1/messages', { 'x-api-key': key, 'anthropic-version': '2023-06-01' }],
    google: ['/v1beta/models/gemini-3.5-flash:generateContent', { 'x-goog-api-key': key }],
  } as const
  const [usual, auth] = places[vendor]
  return fetch(fake.urlOf(vendor) + (path ?? usual), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...auth, ...headers },
    body: JSON.stringify(body),
  })
}

describe('scenarios', () => {
  test('a scenario is read from the head of a key, never from its random part', () => {
    expect(parseScenario('slow25')).toEqual({ name: 'slow', number: 25 })
    expect(parseScenario('tenanta_hang-midstream2')).toEqual({ name: 'hang-midstream', number: 2 })
    expect(parseScenario('down503')).toEqual({ name: 'down503', number: undefined })
    expect(parseScenario('ratelimit-by-hand')).toEqual({ name: 'ratelimit', number: undefined })
    expect(parseScenario('slowly')).toEqual({ name: 'ok', number: undefined })
  })

  test('README.md lists each scenario', () => {
    const text = readFileSync(new URL('README.md', import.meta.url), 'utf8')
    expect(Object.keys(SCENARIOS).filter((name) => !text.includes(`\`${name}`))).toEqual([])
  })

  test.each([
    ['openai', 'invalid', 401, 'invalid_api_key'],
    ['anthropic', 'invalid', 401, 'authentication_error'],
    ['google', 'invalid', 400, 'API_KEY_INVALID'],
    ['openai', 'quota', 429, 'insufficient_quota'],
    ['anthropic', 'quota', 400, 'credit balance'],
    ['google', 'quota', 429, 'RESOURCE_EXHAUSTED'],
    ['openai', 'ratelimit', 429, 'rate_limit_exceeded'],
    ['anthropic', 'overloaded529', 529, 'overloaded_error'],
    ['google', 'down503', 503, 'UNAVAILABLE'],
    ['compat', 'down500', 500, 'server_error'],
    ['openai', 'forbidden-model', 403, 'gpt-4o'],
    ['openai', 'html200', 200, '<html>'],
  ] as const)('%s %s answers %i with %s', async (vendor, scenario, status, text) => {
    const body = { openai: CHAT, compat: CHAT, anthropic: MESSAGES, google: GENERATE }[vendor]
    const response = await call(vendor, createFakeKey(vendor, scenario), body)
    expect(response.status).toBe(status)
    expect(await response.text()).toContain(text)
  })

  test('a rate limit says when to come back', async () => {
    const response = await call('openai', createFakeKey('openai', 'ratelimit30'), CHAT)
    expect(response.headers.get('retry-after')).toBe('30')
  })

  test('a scenario can depend on the number of the call', async () => {
    const key = createFakeKey('openai')
    fake.behave(key, (number) => (number === 1 ? 'down503' : undefined))
    const statuses = [await call('openai', key, CHAT), await call('openai', key, CHAT)].map((answer) => answer.status)
    expect(statuses).toEqual([503, 200])
    expect(fake.requestsOf(key)).toHaveLength(2)
  })

  test('split gives the same bytes as one piece would', async () => {
    const text = await (
      await call('anthropic', createFakeKey('anthropic', 'split'), { ...MESSAGES, stream: true })
    ).text()
    expect(text).toContain('event: message_stop')
    expect(text).toContain('🙂')
    expect(text).not.toContain('\ufffd')
  })

  test.each(['truncate', 'cutjson'])('%s ends a stream cleanly but incompletely', async (scenario) => {
    const answer = await call('openai', createFakeKey('openai', scenario), { ...CHAT, stream: true })
    const text = await answer.text()
    expect(text.length).toBeGreaterThan(10)
    expect(text).not.toContain('[DONE]')
    expect(text).not.toContain('"finish_reason":"stop"')
  })

  test('reset-midstream breaks the connection after some events', async () => {
    const answer = await call('openai', createFakeKey('openai', 'reset-midstream2'), { ...CHAT, stream: true })
    const reader = answer.body!.getReader()
    const first = await reader.read()
    expect(Buffer.from(first.value!).toString()).toContain('data: ')
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow()
  })

  test('a caller who leaves in mid-stream is recorded as aborted', async () => {
    const key = createFakeKey('google', 'hang-midstream')
    const controller = new AbortController()
    const path = '/v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse'
    const url = fake.urlOf('google') + path
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-goog-api-key': key },
      body: JSON.stringify(GENERATE),
      signal: controller.signal,
    })
    await answer.body!.getReader().read()
    controller.abort()
    await fake.requestsOf(key)[0]!.ended
    expect(fake.requestsOf(key)[0]!.state).toBe('aborted')
  })
})

describe('violations', () => {
  const legal = (): string[] =>
    fake.violations().filter((text) => !/accept-language|sec-fetch-mode|user-agent/.test(text))

  test('a plain request has none', async () => {
    await call('openai', createFakeKey('openai'), CHAT)
    await call('anthropic', createFakeKey('anthropic'), MESSAGES)
    await call('google', createFakeKey('google'), GENERATE)
    expect(legal()).toEqual([])
  })

  test.each([
    ['openai', { 'x-stainless-lang': 'js' }, 'x-stainless-lang'],
    ['openai', { cookie: 'a=b' }, 'cookie'],
    ['openai', { 'openai-organization': 'org' }, 'openai-organization'],
    ['openai', { 'x-forwarded-for': '1.2.3.4' }, 'x-forwarded-for'],
    ['google', { 'x-uniroute-fallback': 'never' }, 'x-uniroute-fallback'],
    ['anthropic', { 'user-agent': 'Anthropic/JS 1.12.0' }, 'user-agent'],
    ['anthropic', { 'anthropic-version': '2026-10-21' }, 'authorization is missing'],
    ['anthropic', { authorization: 'Bearer x' }, 'authorization beside x-api-key'],
    ['openai', { authorization: 'Bearer ur_abc' }, 'UniRoute key'],
  ] as const)('%s with %o is told', async (vendor, headers, message) => {
    const body = { openai: CHAT, compat: CHAT, anthropic: MESSAGES, google: GENERATE }[vendor]
    await call(vendor, createFakeKey(vendor), body, undefined, headers)
    expect(fake.violations().join('\n')).toContain(message)
  })

  test('a key in the URL is told', async () => {
    const path = `/v1beta/models/gemini-3.5-flash:generateContent?key=${createFakeKey('google')}`
    await call('google', createFakeKey('google'), GENERATE, path)
    expect(fake.violations().join('\n')).toContain('the key stands in the URL')
  })
})

test('replay gives the recorded bytes, cut where it is told', async () => {
  const body = Buffer.from('data: {"a":"ü"}\r\n\r\n')
  const replaying = await startFakeProvider({
    replay: () => ({ status: 200, headers: { 'content-type': 'text/event-stream' }, body, cuts: [3, 13, 17] }),
  })
  const answer = await fetch(`${replaying.url}/v1/chat/completions`, { method: 'POST', body: '{}' })
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(body)
  await replaying.close()
})
