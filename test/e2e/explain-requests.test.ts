// What an explanation is asked with and what it looks at: the body of any dialect, as it is sent, and the caller's own
// limits and budgets, of which nothing is spent by asking.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { LANES } from '../support/chain-table/lanes.ts'
import { CHAT_DIALECTS } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

let fake: FakeProvider
let app: InProcessApp
beforeAll(async () => {
  fake = await startFakeProvider()
  app = await startInProcess({ fake, env: { OPENAI_API_KEY: createFakeKey('openai', 'operator') } })
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
})
afterEach(() => {
  expect(fake.violations()).toEqual([])
})

const [CHAT] = CHAT_DIALECTS
const ALL_KEYS = () => ({
  openai: createFakeKey('openai'),
  anthropic: createFakeKey('anthropic'),
  google: createFakeKey('google'),
})

async function explain(apiKey: string, body: object, headers: Record<string, string> = {}): Promise<Json> {
  const all = { authorization: `Bearer ${apiKey}`, ...headers }
  const reply = await app.call('POST', '/v1/route/explain', { headers: all, body })
  expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
  return reply.body
}

const send = (apiKey: string, body: object): Promise<Reply> =>
  app.call('POST', '/v1/chat/completions', { headers: CHAT!.auth(apiKey), body })

describe('the body', () => {
  test.each(LANES.flatMap((lane) => [false, true].map((streamed) => [lane.name, streamed, lane] as const)))(
    '%s, streamed: %s: is that of the request, and so is what it says',
    async (_name, streamed, lane) => {
      const caller = await app.createCaller({ keys: ALL_KEYS() })
      const sent = { ...lane.body('Hi', lane.model, streamed), ...lane.beside(lane.model, streamed) }
      const { model, chain, result } = await explain(caller.apiKey, { ...sent, simulate: {} }, lane.auth(caller.apiKey))
      const reply = await app.call('POST', lane.path(lane.model, streamed), {
        headers: lane.auth(caller.apiKey),
        body: lane.body('Hi', lane.model, streamed),
      })
      expect(reply.status).toBe(200)
      expect([model, chain[0].provider, result.provider_key_id]).toEqual([
        reply.headers.get('x-uniroute-model'),
        reply.headers.get('x-uniroute-provider'),
        reply.headers.get('x-uniroute-key'),
      ])
    },
  )

  test.each([
    ['openai-chat', 'openai', { messages: [{ role: 'user', content: 'Hi' }] }],
    ['openai-responses', 'openai', { input: 'Hi' }],
    ['anthropic-messages', 'anthropic', { system: 'Be brief', messages: [{ role: 'user', content: 'Hi' }] }],
    ['gemini', 'google', { contents: [{ parts: [{ text: 'Hi' }] }] }],
  ])('tells by its shape that it is %s: a model nobody has heard of is its vendor’s', async (_name, vendor, body) => {
    const { apiKey } = await app.createCaller({ keys: ALL_KEYS() })
    expect((await explain(apiKey, { model: 'mystery', ...body })).chain[0].provider).toBe(vendor)
  })

  test('where two dialects have one shape, `dialect` says which; a word that is none is refused', async () => {
    const { apiKey } = await app.createCaller({ keys: ALL_KEYS() })
    const body = { model: 'mystery', messages: [{ role: 'user', content: 'Hi' }] }
    expect((await explain(apiKey, { ...body, dialect: 'anthropic-messages' })).chain[0].provider).toBe('anthropic')
    const wrong = await app.call('POST', '/v1/route/explain', { token: apiKey, body: { ...body, dialect: 'latin' } })
    expect([wrong.status, wrong.body.error.message]).toEqual([400, expect.stringContaining('openai-responses')])
  })

  test('that names what an account stores is for own keys, in the dialect that stores it', async () => {
    const { apiKey } = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
    const body = { model: 'gpt-5', input: 'And then?', previous_response_id: 'resp_1' }
    const { chain } = await explain(apiKey, body)
    expect(chain.at(-1)).toMatchObject({ billed_to: 'server', decision: 'skip', reason: 'payer_not_allowed' })
  })
})

describe('the caller’s own limits', () => {
  const body = { model: 'gpt-4o', max_tokens: 1_000, messages: [{ role: 'user', content: 'Hi' }] }
  const withLimits = async (limits: object): Promise<Caller & { key: string }> => {
    const caller = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
    return { ...caller, ...(await app.createApiKey(caller.token, limits)) }
  }
  const sameAsLive = async (key: string, asked: object): Promise<Json> => {
    const told = await explain(key, { ...asked, simulate: {} })
    const live = await send(key, asked)
    const code = live.status === 200 ? null : live.body.error.code
    expect([told.result.status, told.result.code]).toEqual([live.status, code])
    return told
  }

  test.each([
    ['a budget', { budget: { usd: 0.000_001, period: 'day' } }, 'budget_exceeded', 402],
    ['a limit on tokens', { token_limit_per_minute: 900 }, 'rate_limit_exceeded', 429],
  ])('%s without room is told: no key is asked, whoever pays', async (_name, limits, code, status) => {
    const { key } = await withLimits(limits)
    // A window that nothing was taken from lets even more than itself pass.
    if (status === 429) expect((await send(key, { ...body, max_tokens: 100 })).status).toBe(200)
    const { chain, result } = await sameAsLive(key, body)
    expect(result).toMatchObject({ decision: 'refuse', status, code, billed_to: null })
    expect(chain.map(({ decision, reason }: Json) => [decision, reason])).toEqual([
      ['skip', code],
      ['skip', code],
    ])
  })

  test('is told where another key of the chain would change nothing, and not where there is none', async () => {
    const caller = await app.createCaller()
    const { key } = await app.createApiKey(caller.token, {
      budget: { usd: 0.000_001, period: 'day' },
      fallback: 'never',
    })
    expect((await sameAsLive(key, body)).result.code).toBe('no_usable_key')
  })

  test('asking spends nothing: what fits once fits after a hundred questions', async () => {
    const { key } = await withLimits({ budget: { usd: 0.015, period: 'day' }, token_limit_per_day: 1_500 })
    for (let i = 0; i < 100; i++) expect((await explain(key, { ...body, simulate: {} })).result.status).toBe(200)
    expect((await send(key, body)).status).toBe(200)
    expect((await sameAsLive(key, { ...body, max_tokens: 1_500 })).result.decision).toBe('refuse')
  })

  test('a cap is one key’s: the next one serves, and both say so', async () => {
    const caller = await app.createCaller()
    const cap = { usd: 0.000_001, period: 'month' }
    const first = await app.addProviderKey(caller.token, 'openai', createFakeKey('openai'), { cap })
    const second = await app.addProviderKey(caller.token, 'openai', createFakeKey('openai'))
    const { chain, result } = await sameAsLive(caller.apiKey, body)
    expect(chain.slice(0, 2)).toMatchObject([
      { provider_key_id: first.id, decision: 'skip', reason: 'capped' },
      { provider_key_id: second.id, decision: 'try', reason: 'own_key' },
    ])
    expect(result.provider_key_id).toBe(second.id)
  })
})

test('without a key, the requests of an alias go to another of its models, and the owner is told which', async () => {
  const caller = await app.createCaller({ keys: ALL_KEYS() })
  const { token, apiKey } = caller
  const targets = [{ model: 'openai/gpt-4o' }, { model: 'anthropic/claude-sonnet-5' }]
  await app.call('PUT', '/auth/profile', { token, body: { fallback: 'never' } })
  expect((await app.call('PUT', '/admin/aliases/either', { token, body: { targets } })).status).toBe(200)
  for (const model of ['either', 'openai/gpt-4o']) {
    expect((await send(apiKey, { ...CHAT!.body('Hi', model, false) })).status).toBe(200)
  }
  const [key] = caller.providerKeyIds['openai']!
  const impact = await vi.waitUntil(async () => {
    const { body } = await app.call('GET', `/admin/provider-keys/${key}/impact`, { token })
    return body.requests === 2 ? body : undefined
  }, 20_000)
  expect(impact.instead).toHaveLength(2)
  expect(impact.instead).toContainEqual({
    decision: 'serve',
    billed_to: 'user',
    provider_key_id: caller.providerKeyIds['anthropic']![0],
    code: null,
    provider: 'anthropic',
    model: 'claude-sonnet-5',
    requests: 1,
  })
  expect(impact.instead).toContainEqual(
    expect.objectContaining({ decision: 'refuse', code: 'no_usable_key', requests: 1 }),
  )
})

const pictures = (count: number) => [
  { type: 'text', text: 'What are these?' },
  ...Array.from({ length: count }, (_, at) => ({
    type: 'image_url',
    image_url: { url: `https://pictures.invalid/${at}.png` },
  })),
]

describe('what cannot be written for the provider', () => {
  test.each<[string, Json, Record<string, string>, string]>([
    [
      'a loss in strict mode',
      { model: 'claude-sonnet-5', logit_bias: { 50256: -100 } },
      { 'x-uniroute-strict': 'true' },
      'unsupported_parameter',
    ],
    [
      'more files by address than are fetched',
      { model: 'gemini-3.5-flash', messages: [pictures(33)] },
      {},
      'bad_request',
    ],
    ['a conversation of which nothing is left', { model: 'claude-sonnet-5', messages: [''] }, {}, 'bad_request'],
  ])('%s: refused in the explanation as in the request, and no key is asked', async (_name, more, headers, code) => {
    const caller = await app.createCaller({ keys: ALL_KEYS() })
    const before = fake.requests.length
    const contents = (more['messages'] as unknown[] | undefined) ?? ['Hi']
    const body = { max_tokens: 50, ...more, messages: contents.map((content) => ({ role: 'user', content })) }
    const reply = await app.call('POST', '/v1/chat/completions', {
      headers: { ...CHAT!.auth(caller.apiKey), ...headers },
      body,
    })
    expect([reply.status, reply.body.error.code]).toEqual([400, code])
    const { chain, result } = await explain(caller.apiKey, { ...body, simulate: {} }, headers)
    expect(result).toMatchObject({ decision: 'refuse', status: 400, code })
    expect(chain[0]).toMatchObject({ decision: 'skip', reason: code })
    expect(fake.requests).toHaveLength(before)
  })

  test('with the next model of an alias, where the request asks it too', async () => {
    const caller = await app.createCaller({ keys: ALL_KEYS() })
    const content = pictures(33)
    const body = { models: ['gemini-3.5-flash', 'gpt-5'], messages: [{ role: 'user', content }] }
    const [reply, { result }] = [
      await send(caller.apiKey, body),
      await explain(caller.apiKey, { ...body, simulate: {} }),
    ]
    expect([result.status, result.code]).toEqual([reply.status, reply.body.error?.code ?? null])
  })

  test('pictures that would be fetched first are not fetched for the question', async () => {
    const caller = await app.createCaller({ keys: ALL_KEYS() })
    const body = { model: 'gemini-3.5-flash', messages: [{ role: 'user', content: pictures(1) }] }
    const { chain, result } = await explain(caller.apiKey, { ...body, simulate: {} })
    expect([chain[0].decision, result.decision]).toEqual(['try', 'serve'])
  })
})
