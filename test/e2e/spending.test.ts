// Money is bounded where somebody bounded it: an API key's budget, the owner's cap on a provider key, the allowance on
// the server's keys; also against many calls at once, and after a restart.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS, expectError } from '../support/dialects.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const DIALECT = CHAT_DIALECTS[0]!
/** gpt-4o-mini: $0.60 per million output tokens, so 1,000 tokens reserve about $0.0006. */
const MODEL = 'gpt-4o-mini'

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({
    fake,
    serverKeys: { openai: createFakeKey('openai', 'operator') },
    env: { SERVER_ALLOWANCE_USD_PER_DAY: '0.01' },
  })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

async function askMany(server: UniRoute, apiKey: string, count: number): Promise<Reply[]> {
  const body = { model: MODEL, max_tokens: 1000, messages: [{ role: 'user', content: 'say something' }] }
  const ask = (): Promise<Reply> => server.call('POST', '/v1/chat/completions', { headers: DIALECT.auth(apiKey), body })
  return Promise.all(Array.from({ length: count }, ask))
}

const served = (replies: readonly Reply[]): number => replies.filter(({ status }) => status === 200).length

/** Once so many requests stand in the ledger. */
async function spentMicros(server: UniRoute, token: string, requests: number): Promise<number> {
  const read = () => server.call('GET', '/admin/usage?group_by=billed_to', { token })
  await expect.poll(async () => (await read()).body.total.requests).toBe(requests)
  const { body } = await read()
  return body.total.cost_usd_micros
}

test("an API key's budget: 100 parallel calls spend no more, and the rest is 402 in words that help", async () => {
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  const { key } = await uniroute.createApiKey(caller.token, { budget: { usd: 0.005, period: 'day' } })
  const replies = await askMany(uniroute, key, 100)
  expect(served(replies)).toBeGreaterThan(0)
  expect(served(replies)).toBeLessThan(100)
  const refused = replies.find(({ status }) => status !== 200)!
  expectError('openai', refused, { status: 402, code: 'budget_exceeded', source: 'gateway' })
  expect(refused.text).toMatch(/starts again at/)
  expect(await spentMicros(uniroute, caller.token, 100)).toBeLessThanOrEqual(5_000)
})

test("the owner's cap moves on to the owner's next key, and never to the server", async () => {
  const first = createFakeKey('openai', 'first')
  const second = createFakeKey('openai', 'second')
  const caller = await uniroute.createCaller()
  for (const [api_key, usd] of [
    [first, 0.002],
    [second, 0.003],
  ] as const) {
    const body = { provider: 'openai', api_key, label: `cap ${usd}`, cap: { usd, period: 'month' } }
    expect((await uniroute.call('POST', '/admin/provider-keys', { token: caller.token, body })).status).toBe(201)
  }
  const replies = await askMany(uniroute, caller.apiKey, 60)
  expect(fake.requestsOf(first).length).toBeGreaterThan(0)
  expect(fake.requestsOf(second).length).toBeGreaterThan(0)
  expect(
    new Set(replies.filter(({ status }) => status === 200).map(({ headers }) => headers.get('x-uniroute-billed-to'))),
  ).toEqual(new Set(['user']))
  expectError(
    'openai',
    replies.find(({ status }) => status !== 200)!,
    { status: 402, code: 'own_cap_reached' },
  )
  const listed = (await uniroute.call('GET', '/admin/provider-keys', { token: caller.token })).body.keys
  expect(listed.map((key: { status: string }) => key.status)).toEqual(['capped', 'capped'])
  expect(listed[0].status_reason).toMatch(
    /^your spending cap of \$0\.002 per month is reached, until 2\d{3}-\d\d-01T00:00/,
  )
  expect(listed[0].cap_use).toEqual({
    spent_usd_micros: expect.any(Number),
    resets_at: expect.stringMatching(/^2\d{3}-\d\d-01T00:00/),
  })
  const raised = { token: caller.token, body: { cap: { usd: 5, period: 'month' } } }
  const { body } = await uniroute.call('PATCH', `/admin/provider-keys/${listed[0].id}`, raised)
  expect(body.key ?? body).toMatchObject({ status: 'active', status_reason: null })
})

test("the server's allowance bounds what a user without a key may cost in a day, each user alone", async () => {
  const one = await uniroute.createCaller()
  const replies = await askMany(uniroute, one.apiKey, 100)
  expect(served(replies)).toBeGreaterThan(0)
  expectError(
    'openai',
    replies.find(({ status }) => status !== 200)!,
    { status: 402, code: 'server_allowance_spent' },
  )
  const spent = await spentMicros(uniroute, one.token, 100)
  expect(spent).toBeLessThanOrEqual(10_000)
  const { body } = await uniroute.call('GET', '/admin/allowance', { token: one.token })
  expect(body.allowance).toMatchObject({ usd: 0.01, period: 'day', spent_usd_micros: expect.closeTo(spent, -1) })
  expect(body.allowance.left_usd_micros).toBe(10_000 - body.allowance.spent_usd_micros)
  expect(body.allowance.resets_at).toMatch(/T00:00:00\.000Z$/)
  const why = await uniroute.call('GET', '/admin/usage?group_by=billed_to,fallback', { token: one.token })
  expect(why.body.groups).toContainEqual(
    expect.objectContaining({ billed_to: 'server', fallback: 'no_key', requests: served(replies) }),
  )
  const two = await uniroute.createCaller()
  expect(served(await askMany(uniroute, two.apiKey, 1))).toBe(1)
})

describe('a model whose price nobody knows', () => {
  const UNPRICED = 'gpt-nobody-told-its-price'
  const body = { model: UNPRICED, max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] }
  const ask = (apiKey: string): Promise<Reply> =>
    uniroute.call('POST', '/v1/chat/completions', { headers: DIALECT.auth(apiKey), body })
  const explain = async (apiKey: string): Promise<Json> =>
    (
      await uniroute.call('POST', '/v1/route/explain', {
        headers: DIALECT.auth(apiKey),
        body: { ...body, simulate: {} },
      })
    ).body

  test('is refused under a budget, a cap and the allowance, as explained; nothing is called', async () => {
    const own = createFakeKey('openai', 'own')
    const budgeted = await uniroute.createCaller({ keys: { openai: own } })
    const { key } = await uniroute.createApiKey(budgeted.token, { budget: { usd: 1000, period: 'total' } })
    const capped = await uniroute.createCaller()
    await uniroute.addProviderKey(capped.token, 'openai', own, { cap: { usd: 1000, period: 'total' } })
    const borrowing = await uniroute.createCaller()
    for (const [apiKey, words] of [
      [key, /This UniRoute API key has a budget/],
      [capped.apiKey, /Your key .*has a spending limit/],
      [borrowing.apiKey, /The server's key has a spending limit/],
    ] as const) {
      const reply = await ask(apiKey)
      expectError('openai', reply, { status: 402, code: 'price_unknown', source: 'gateway' })
      expect(reply.text).toMatch(words)
      expect((await explain(apiKey)).result).toMatchObject({ decision: 'refuse', status: 402, code: 'price_unknown' })
    }
    expect(fake.requestsOf(own)).toEqual([])
  })

  test('is served where no limit holds, at an unknown cost; and under a budget once its price is told', async () => {
    const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'free') } })
    const free = await ask(caller.apiKey)
    expect(free.status).toBe(200)
    const receipt = await uniroute.readReceipt(caller.apiKey, free.headers.get('x-request-id')!)
    expect(receipt.cost).toEqual({ usd_micros: null, source: 'unknown', price_version: null })
    const { key } = await uniroute.createApiKey(caller.token, { budget: { usd: 0.001, period: 'total' } })
    expect((await ask(key)).status).toBe(402)
    const token = await uniroute.login()
    const price = { input: 1, output: 2 }
    const told = { token, body: { price } }
    expect((await uniroute.call('PUT', `/admin/catalog/overrides/openai/${UNPRICED}`, told)).status).toBeLessThan(300)
    await expect.poll(async () => (await ask(key)).status).toBe(200)
  })
})

test('the next model of a list serves where nobody knows the price of the first', async () => {
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'listed') } })
  const { key } = await uniroute.createApiKey(caller.token, { budget: { usd: 1, period: 'day' } })
  const body = { models: ['gpt-still-untold', MODEL], max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] }
  const reply = await uniroute.call('POST', '/v1/chat/completions', { headers: DIALECT.auth(key), body })
  expect([reply.status, reply.headers.get('x-uniroute-model')]).toEqual([200, MODEL])
})

test('what is held follows from the request as it is sent, and an explanation holds the same', async () => {
  const caller = await uniroute.createCaller({
    keys: { openai: createFakeKey('openai', 'held'), anthropic: createFakeKey('anthropic', 'held') },
  })
  const { key } = await uniroute.createApiKey(caller.token, { budget: { usd: 0.01, period: 'day' } })
  const messages = [{ role: 'user', content: 'hi' }]
  const question = { model: MODEL, max_tokens: 2_000, messages }
  for (const [fits, body] of [
    [true, question],
    // 20 answers of 2,000 tokens for $0.60 a million.
    [false, { ...question, n: 20 }],
    [true, { model: 'claude-haiku-4-5', max_completion_tokens: 500, messages }],
    // Its thoughts get a bound of their own on top.
    [false, { model: 'claude-haiku-4-5', max_completion_tokens: 500, reasoning_effort: 'high', messages }],
  ] as const) {
    const headers = DIALECT.auth(key)
    const explained = await uniroute.call('POST', '/v1/route/explain', { headers, body: { ...body, simulate: {} } })
    const reply = await uniroute.call('POST', '/v1/chat/completions', { headers, body })
    expect([reply.status, explained.body.result.status]).toEqual(fits ? [200, 200] : [402, 402])
    if (!fits) expect(reply.text).toMatch(/which may cost up to \$0\.\d+/)
  }
})

test.each([false, true])(
  'an answer that the client did not wait for (streamed: %s) counts as what may have been written, as an estimate',
  async (stream) => {
    const key = createFakeKey('openai', 'hang')
    const caller = await uniroute.createCaller({ keys: { openai: key } })
    const body = { model: MODEL, max_tokens: 1, n: 2, stream, messages: [{ role: 'user', content: 'hi' }] }
    const client = new AbortController()
    const asked = fetch(`${uniroute.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...DIALECT.auth(caller.apiKey) },
      body: JSON.stringify(body),
      signal: client.signal,
    })
    await expect.poll(() => fake.requestsOf(key).length).toBe(1)
    client.abort()
    await expect(asked).rejects.toThrow()
    const read = async () => (await uniroute.call('GET', '/admin/usage', { token: caller.token })).body.total
    await expect.poll(async () => (await read()).requests).toBe(1)
    expect(await read()).toMatchObject({ output_tokens: 2, unknown_cost_requests: 0 })
    const { body: log } = await uniroute.call('GET', '/admin/requests', { token: caller.token })
    const receipt = await uniroute.readReceipt(caller.apiKey, log.requests[0].id)
    expect(receipt).toMatchObject({ status: 499, cost: { source: 'estimated' }, usage: { output_tokens: 2 } })
  },
)
