// Several models for one request, and who pays: what stood in the way of one's own keys for one model is not forgotten
// for the next, so that no list, alias or strategy moves the payer past a cap, a `never` or a reason that was not
// granted.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Caller, Reply } from '../support/uniroute-client.ts'

const MODELS = ['gpt-4o', 'claude-sonnet-5'] as const
const CAPPED = { cap: { usd: 0.000_000_001, period: 'total' } }

let fake: FakeProvider
let app: InProcessApp
beforeAll(async () => {
  fake = await startFakeProvider()
  const env = { ANTHROPIC_API_KEY: createFakeKey('anthropic', 'operator'), OPENAI_API_KEY: createFakeKey('openai') }
  app = await startInProcess({ fake, env })
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
})

async function callerWith(scenario: string, fields: object = {}): Promise<Caller & { keyId: string }> {
  const caller = await app.createCaller()
  const { id } = await app.addProviderKey(caller.token, 'openai', createFakeKey('openai', scenario), fields)
  return { ...caller, keyId: id }
}

/** The answer, held against the explanation that was given before. */
async function ask(caller: Caller, body: object, simulate: object = {}): Promise<Reply> {
  const asked = { messages: [{ role: 'user', content: 'Hi' }], ...body }
  const call = (path: string, sent: object) =>
    app.call('POST', path, { token: caller.apiKey, headers: { 'x-stainless-retry-count': '1' }, body: sent })
  const { result } = (await call('/v1/route/explain', { ...asked, simulate })).body
  const reply = await call('/v1/chat/completions', asked)
  expect([result.status, result.billed_to, result.code]).toEqual([
    reply.status,
    reply.status === 200 ? reply.headers.get('x-uniroute-billed-to') : null,
    reply.status === 200 ? null : reply.body.error.code,
  ])
  return reply
}

const told = ({ status, headers, body }: Reply) =>
  status === 200
    ? [status, headers.get('x-uniroute-provider'), headers.get('x-uniroute-fallback')]
    : [status, body.error.code]

describe('the server’s keys do not serve the next model', () => {
  test.each<[string, string, object, string | null, unknown[]]>([
    ['past a cap', 'ok', CAPPED, null, [402, 'own_cap_reached']],
    ['past a cap on a key that says never', 'ok', { ...CAPPED, fallback: 'never' }, null, [402, 'own_cap_reached']],
    ['past a rate limit that is not granted', 'ratelimit30', {}, '429', [429, 'rate_limit_exceeded']],
    ['past a missing entitlement', 'forbidden-model', {}, '403', [403, 'model_not_enabled']],
    ['where the rejected key says never', 'invalid', { fallback: 'never' }, '401', [424, 'provider_key_invalid']],
    ['where its own list leaves that out', 'invalid', { fallback: ['outage'] }, '401', [424, 'provider_key_invalid']],
  ])('%s', async (_name, scenario, fields, answer, expected) => {
    const caller = await callerWith(scenario, fields)
    const simulate = answer !== null ? { [caller.keyId]: answer } : {}
    expect(told(await ask(caller, { models: MODELS }, simulate))).toEqual(expected)
  })

  test('not by an alias, nor by a strategy that puts the model without a key first', async () => {
    const caller = await callerWith('ok', { ...CAPPED, fallback: 'never' })
    for (const strategy of ['priority', 'cost']) {
      const targets =
        strategy === 'cost'
          ? [{ model: 'claude-haiku-4-5' }, { model: 'gpt-4' }]
          : [{ model: 'gpt-4o' }, { model: 'claude-sonnet-5' }]
      const body = { targets, strategy }
      const { status } = await app.call('PUT', `/admin/aliases/by-${strategy}`, { token: caller.token, body })
      expect(status).toBe(200)
      const reply = await ask(caller, { model: `by-${strategy}` })
      expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([expect.any(Number), null])
      expect(reply.status).toBeGreaterThanOrEqual(402)
    }
  })
})

test('where every reason is granted they do, and the reason is that of the last own key', async () => {
  const env = { ANTHROPIC_API_KEY: createFakeKey('anthropic', 'operator') }
  const withoutOpenai = await startInProcess({ fake, env })
  const caller = await withoutOpenai.createCaller({ keys: { openai: createFakeKey('openai', 'invalid') } })
  const reply = await withoutOpenai.call('POST', '/v1/chat/completions', {
    token: caller.apiKey,
    body: { models: MODELS, messages: [{ role: 'user', content: 'Hi' }] },
  })
  expect(told(reply)).toEqual([200, 'anthropic', 'invalid'])
  await withoutOpenai.close()
})

test('another own key does, whatever stood in the way of the first', async () => {
  const caller = await callerWith('ok', { ...CAPPED, fallback: 'never' })
  const own = await app.addProviderKey(caller.token, 'anthropic', createFakeKey('anthropic'))
  const reply = await ask(caller, { models: MODELS })
  expect(told(reply)).toEqual([200, 'anthropic', 'none'])
  expect(reply.headers.get('x-uniroute-key')).toBe(own.id)
})

test('a refusal names the key and the payer of its own model, not of one that was asked before', async () => {
  const keys = { openai: createFakeKey('openai', 'invalid'), anthropic: createFakeKey('anthropic', 'ratelimit30') }
  const caller = await app.createCaller({ keys, accountFallback: 'never' })
  const send = (body: object) =>
    app.call('POST', '/v1/chat/completions', {
      token: caller.apiKey,
      body: { messages: [{ role: 'user', content: 'Hi' }], ...body },
    })
  expect((await send({ model: 'claude-sonnet-5' })).status).toBe(429)
  // The second model's key waits, so that no call is made with it; the first one's is called and rejected.
  const reply = await send({ models: MODELS })
  expect([reply.status, reply.headers.get('x-uniroute-provider')]).toEqual([429, 'anthropic'])
  expect(reply.headers.get('x-uniroute-attempts')).toBe('1')
  expect([reply.headers.get('x-uniroute-key'), reply.headers.get('x-uniroute-billed-to')]).toEqual([null, null])
  const receipt = await app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
  expect(receipt).toMatchObject({ provider: 'anthropic', provider_key_id: null, billed_to: null })
  expect(receipt.attempts).toMatchObject([{ provider: 'openai', billed_to: 'user' }])
})
