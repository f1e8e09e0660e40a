// Money is bounded where somebody bounded it: an API key's budget, the owner's cap on a provider key, the allowance on the
// server's keys; also against many calls at once, and after a restart.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { CHAT_DIALECTS, expectError } from '../support/dialects.ts'
import type { Reply } from '../support/uniroute-client.ts'
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
