// The explanation of a route is no second opinion: what it says under a simulated failure is what then happens, and it
// sends nothing. The impact of losing a key comes from the same chain.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { SIMULATED } from '../../contract/route.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import type { CallerOptions, Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const MODEL = 'gpt-4o'
const QUESTION = { model: MODEL, messages: [{ role: 'user', content: 'Hi' }] }

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake, serverKeys: { openai: createFakeKey('openai', 'operator') } })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})
afterEach(() => {
  expect(fake.violations()).toEqual([])
})

async function explain(apiKey: string, body: object = {}, headers: Record<string, string> = {}): Promise<Json> {
  const reply = await uniroute.call('POST', '/v1/route/explain', {
    token: apiKey,
    body: { ...QUESTION, ...body },
    headers,
  })
  expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  return reply.body
}

/** Which behaviour of the fake each simulated answer stands for. */
const SCENARIOS = {
  '401': 'invalid',
  '403': 'forbidden-model',
  '429': 'ratelimit30',
  '5xx': 'down500',
  '529': 'overloaded529',
  timeout: 'reset',
  quota: 'quota',
} as const

describe('what is simulated is what happens', () => {
  const POLICIES: [string, CallerOptions, Record<string, string>][] = [
    ['allowed', {}, {}],
    ['only for an outage', { apiKeyFallback: ['outage'] }, {}],
    ['never on the account', { accountFallback: 'never' }, {}],
    ['never on the key', { providerKeyFallback: 'never' }, {}],
    ['never in the request', {}, { 'x-uniroute-fallback': 'never' }],
  ]

  test.each(SIMULATED.flatMap((answer) => POLICIES.map((policy) => [answer, ...policy] as const)))(
    '%s, fallback %s',
    async (answer, _policy, options, headers) => {
      const caller = await uniroute.createCaller({
        ...options,
        keys: { openai: createFakeKey('openai', SCENARIOS[answer]) },
      })
      const keyId = caller.providerKeyIds['openai']![0]!
      const before = fake.requests.length
      const { chain, result } = await explain(caller.apiKey, { simulate: { [keyId]: answer } }, headers)
      expect(fake.requests.length).toBe(before)
      expect(chain[0]).toMatchObject({ provider_key_id: keyId, billed_to: 'user', decision: 'try', reason: 'own_key' })

      const reply = await uniroute.call('POST', '/v1/chat/completions', {
        token: caller.apiKey,
        body: QUESTION,
        headers,
      })
      const isServed = reply.status === 200
      expect(result).toEqual({
        decision: isServed ? 'serve' : 'refuse',
        billed_to: isServed ? reply.headers.get('x-uniroute-billed-to') : null,
        provider_key_id: null,
        fallback: isServed ? reply.headers.get('x-uniroute-fallback') : null,
        // For a timeout the fake breaks the connection, which takes the same way but is told in other words.
        status: answer === 'timeout' && !isServed ? 504 : reply.status,
        code: isServed ? null : answer === 'timeout' ? 'timeout' : reply.body.error.code,
      })
      expect(chain[1]).toMatchObject({ billed_to: 'server', provider_key_id: null })
    },
  )

  test('what went wrong before is in the next explanation', async () => {
    const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'invalid') } })
    await uniroute.call('POST', '/v1/chat/completions', { token: caller.apiKey, body: QUESTION })
    const { chain } = await explain(caller.apiKey)
    expect(chain).toMatchObject([
      { decision: 'skip', reason: 'invalid' },
      { decision: 'try', reason: 'invalid' },
    ])
  })
})

test('each step says why it is in or out', async () => {
  const caller = await uniroute.createCaller({ keys: { openai: [createFakeKey('openai'), createFakeKey('openai')] } })
  const [first, second] = caller.providerKeyIds['openai']!
  const { token } = caller
  const { keys } = (await uniroute.call('GET', '/admin/provider-keys', { token })).body
  const versionOf = (id: string) => keys.find((key: Json) => key.id === id).version
  const change = (id: string, fields: object) =>
    uniroute.call('PATCH', `/admin/provider-keys/${id}`, { token, body: { version: versionOf(id), ...fields } })
  expect((await change(first!, { is_active: false })).status).toBe(200)
  expect((await change(second!, { allowed_models: ['gpt-4o-mini'] })).status).toBe(200)
  const explained = await explain(caller.apiKey)
  expect(explained).toEqual({
    model: MODEL,
    chain: [
      step(first!, 'user', 'skip', 'disabled'),
      step(second!, 'user', 'skip', 'model_not_allowed'),
      step(null, 'server', 'try', 'no_key'),
    ],
  })
  const other = await explain(caller.apiKey, { model: 'gpt-4o-mini', simulate: {} })
  expect(other.chain.map(({ decision, reason }: Json) => [decision, reason])).toEqual([
    ['skip', 'disabled'],
    ['try', 'own_key'],
    ['try', 'invalid,outage'],
  ])
  expect(other.result).toMatchObject({
    decision: 'serve',
    billed_to: 'user',
    provider_key_id: second,
    fallback: 'none',
  })
  expect((await explain(caller.apiKey, {}, { 'x-uniroute-fallback': 'never' })).chain[2]).toMatchObject({
    decision: 'skip',
    reason: 'not_allowed_by_request',
  })
  const stored = await explain(caller.apiKey, { model: 'gpt-4o-mini', messages: [fileMessage] })
  expect(stored.chain[2]).toMatchObject({ decision: 'skip', reason: 'payer_not_allowed' })
})

const fileMessage = { role: 'user', content: [{ type: 'file', file: { file_id: 'file-abc' } }] }

function step(id: string | null, payer: string, decision: string, reason: string): Json {
  return { provider: 'openai', model: MODEL, provider_key_id: id, billed_to: payer, decision, reason }
}

test.each([
  ['a body that is no JSON', '{"model":', 400],
  ['a failure nobody knows', JSON.stringify({ ...QUESTION, simulate: { server: '418' } }), 400],
  ['a key that is none', JSON.stringify({ ...QUESTION, simulate: { 'sk-abc': '401' } }), 400],
  ['no model', JSON.stringify({ messages: [] }), 400],
])('%s is refused with a sentence', async (_name, raw, status) => {
  const { apiKey } = await uniroute.createCaller()
  const reply = await uniroute.call('POST', '/v1/route/explain', {
    token: apiKey,
    raw,
    headers: { 'content-type': 'application/json' },
  })
  expect(reply.status).toBe(status)
  expect(reply.body.error.message.length).toBeGreaterThan(10)
  expect(reply.text).not.toContain('sk-abc')
})

test('before a key goes, its owner sees what its requests would use instead, and then they do', async () => {
  const caller = await uniroute.createCaller({ keys: { openai: [createFakeKey('openai'), createFakeKey('openai')] } })
  const { token, apiKey } = caller
  const [first, second] = caller.providerKeyIds['openai']!
  await uniroute.call('POST', '/v1/chat/completions', { token: apiKey, body: QUESTION })
  const impactOf = async (id: string): Promise<Json> =>
    (await uniroute.call('GET', `/admin/provider-keys/${id}/impact`, { token })).body
  const told = await vi.waitUntil(async () => {
    const impact = await impactOf(first!)
    return impact.requests === 1 ? impact : undefined
  }, 20_000)
  expect(told.instead).toEqual([
    { decision: 'serve', billed_to: 'user', provider_key_id: second, code: null, requests: 1 },
  ])
  expect((await uniroute.call('DELETE', `/admin/provider-keys/${first}`, { token })).status).toBe(200)
  const after = await uniroute.call('POST', '/v1/chat/completions', { token: apiKey, body: QUESTION })
  expect(after.headers.get('x-uniroute-key')).toBe(second)

  await vi.waitUntil(async () => (await impactOf(second!)).requests === 1, 20_000)
  expect((await impactOf(second!)).instead).toMatchObject([{ decision: 'serve', billed_to: 'server' }])
  const { status } = await uniroute.call('PUT', '/auth/profile', { token, body: { fallback: 'never' } })
  expect(status).toBe(200)
  expect((await impactOf(second!)).instead).toMatchObject([{ decision: 'refuse', code: 'no_usable_key' }])
})

test('who is signed in asks for each API key of theirs; nobody asks for a key of others, and no key for another', async () => {
  const token = await uniroute.login()
  const { id, key } = await uniroute.createApiKey(token, { name: 'bound', allowed_models: ['gpt-4o-mini'] })
  const ask = (body: object, as = token, path = '/admin/playground/v1/route/explain') =>
    uniroute.call('POST', path, { token: as, body: { ...QUESTION, ...body } })
  expect((await ask({})).status).toBe(200)
  expect((await ask({ api_key: id })).body.chain).toEqual((await ask({}, key, '/v1/route/explain')).body.chain)
  const other = await uniroute.createCaller()
  expect((await ask({ api_key: id }, other.token)).status).toBe(404)
  expect((await ask({ api_key: id }, key, '/v1/route/explain')).status).toBe(400)
  expect((await ask({ api_key: key })).status).toBe(400)
})
