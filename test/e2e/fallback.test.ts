// When a user's own key cannot serve: the operator's key may, for the reasons both sides grant, and the answer, the
// receipt and the fake's own count agree on whose key paid. With `never` at any place nothing falls back.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createFakeKey, type Vendor } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS, expectError, type Dialect } from '../support/dialects.ts'
import type { Caller, CallerOptions, Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const serverKeys = {
  openai: createFakeKey('openai', 'operator'),
  anthropic: createFakeKey('anthropic', 'operator'),
  google: createFakeKey('google', 'operator'),
}
// One dialect per vendor.
const VENDORS = CHAT_DIALECTS.filter((dialect) => dialect.name !== 'openai-responses').map(
  (dialect) => [dialect.vendor, dialect] as const,
)

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake, serverKeys })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})
afterEach(() => {
  expect(fake.violations()).toEqual([])
})

const keyFor = (vendor: Vendor, scenario: string) => ({ [vendor]: createFakeKey(vendor, scenario) })

/** The answer, its receipt and the fake's count tell the same story. */
async function expectServedByServer(caller: Caller, dialect: Dialect, reply: Reply, reason: string): Promise<void> {
  expect([reply.status, reply.text.slice(0, 300)]).toEqual([200, expect.any(String)])
  expect(Object.fromEntries(reply.headers)).toMatchObject({
    'x-uniroute-billed-to': 'server',
    'x-uniroute-fallback': reason,
    'x-uniroute-provider': dialect.vendor,
  })
  expect(reply.headers.get('x-uniroute-key')).toBeNull()
  const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
  expect(receipt).toMatchObject({ billed_to: 'server', fallback: reason, provider_key_id: null, status: 200 })
  expect(receipt.attempts).toHaveLength(Number(reply.headers.get('x-uniroute-attempts')))
  expect(receipt.attempts.at(-1)).toMatchObject({ billed_to: 'server', provider_key_id: null, status: 200 })
  for (const attempt of receipt.attempts.slice(0, -1)) {
    expect(attempt).toMatchObject({ billed_to: 'user', provider_key_id: caller.providerKeyIds[dialect.vendor]![0] })
  }
}

describe.each(VENDORS)('%s', (vendor, dialect) => {
  test('no key: the server key serves, and says so', async () => {
    const caller = await uniroute.createCaller()
    const reply = await ask(uniroute, dialect, caller.apiKey)
    await expectServedByServer(caller, dialect, reply, 'no_key')
    expect(reply.headers.get('x-uniroute-attempts')).toBe('1')
    expect(fake.requests.at(-1)!.key).toBe(serverKeys[vendor])
  })

  test.each([
    ['ratelimit120', 'cooling', 'rate limited'],
    ['forbidden-model', 'restricted', 'not enabled for this account'],
  ])(
    'a key that is %s for one model is listed as %s, with model and end; a new secret starts afresh',
    async (scenario, status, words) => {
      const caller = await uniroute.createCaller({ keys: keyFor(vendor, scenario), accountFallback: 'never' })
      await ask(uniroute, dialect, caller.apiKey)
      const id = caller.providerKeyIds[vendor]![0]!
      const read = async () =>
        (await uniroute.call('GET', '/admin/provider-keys', { token: caller.token })).body.keys[0]
      const key = await read()
      expect(key).toMatchObject({ status, is_active: true })
      expect(key.status_reason).toContain(`${words}: ${dialect.model} until 20`)
      const body = { api_key: createFakeKey(vendor) }
      await uniroute.call('PUT', `/admin/provider-keys/${id}`, { token: caller.token, body })
      expect(await read()).toMatchObject({ status: 'active', status_reason: null })
    },
  )

  test('a rejected key: the server key serves, the key is marked and not tried again, a new secret heals it', async () => {
    const keys = keyFor(vendor, 'invalid')
    const caller = await uniroute.createCaller({ keys })
    await expectServedByServer(caller, dialect, await ask(uniroute, dialect, caller.apiKey), 'invalid')
    await expectServedByServer(caller, dialect, await ask(uniroute, dialect, caller.apiKey), 'invalid')
    expect(fake.requestsOf(keys[vendor]!)).toHaveLength(1)
    const { token } = caller
    // States are written in batches; the list follows.
    const listed = await vi.waitUntil(async () => {
      const key = (await uniroute.call('GET', '/admin/provider-keys', { token })).body.keys[0]
      return key.status === 'invalid' ? key : undefined
    }, 20_000)

    const fresh = createFakeKey(vendor)
    const body = { api_key: fresh }
    const replaced = await uniroute.call('PUT', `/admin/provider-keys/${listed.id}`, { token, body })
    expect(replaced.status).toBe(200)
    const healed = await ask(uniroute, dialect, caller.apiKey)
    expect(healed.headers.get('x-uniroute-billed-to')).toBe('user')
    expect(fake.requestsOf(fresh)).toHaveLength(1)
  })

  test('provider down: the server key serves once', async () => {
    const keys = keyFor(vendor, 'down503')
    const caller = await uniroute.createCaller({ keys })
    const before = fake.requestsOf(serverKeys[vendor]).length
    const reply = await ask(uniroute, dialect, caller.apiKey)
    await expectServedByServer(caller, dialect, reply, 'outage')
    // One retry on the user's key at most, and the count is honest.
    const tries = fake.requestsOf(keys[vendor]!).length
    expect(tries).toBeLessThanOrEqual(2)
    expect(fake.requestsOf(serverKeys[vendor]).length - before).toBe(1)
    expect(Number(reply.headers.get('x-uniroute-attempts'))).toBe(tries + 1)
  })

  const PLACES: [string, CallerOptions, Record<string, string>][] = [
    ['account', { accountFallback: 'never' }, {}],
    ['provider key', { providerKeyFallback: 'never' }, {}],
    ['API key', { apiKeyFallback: 'never' }, {}],
    ['request header', {}, { 'x-uniroute-fallback': 'never' }],
  ]

  describe.each(PLACES)('never on the %s', (place, options, headers) => {
    test('no key: 403 no_usable_key', async () => {
      const caller = await uniroute.createCaller({
        ...options,
        ...(place === 'provider key' && { keys: keyFor(vendor, 'ok') }),
      })
      // A switched-off key counts as none, but its own `never` still binds.
      const id = caller.providerKeyIds[vendor]?.[0]
      if (id !== undefined) {
        const { token } = caller
        const { version } = (await uniroute.call('GET', '/admin/provider-keys', { token })).body.keys[0]
        const body = { is_active: false, version }
        expect((await uniroute.call('PATCH', `/admin/provider-keys/${id}`, { token, body })).status).toBe(200)
      }
      const before = fake.requests.length
      const reply = await ask(uniroute, dialect, caller.apiKey, { headers })
      expectError(dialect.family, reply, {
        status: 403,
        code: 'no_usable_key',
        anthropicType: 'permission_error',
        geminiStatus: 'PERMISSION_DENIED',
        source: 'gateway',
      })
      expect(fake.requests.length).toBe(before)
    })

    test('a rejected key: 424 provider_key_invalid, naming the key', async () => {
      const keys = keyFor(vendor, 'invalid')
      const caller = await uniroute.createCaller({ ...options, keys })
      const reply = await ask(uniroute, dialect, caller.apiKey, { headers })
      expectError(dialect.family, reply, {
        status: 424,
        code: 'provider_key_invalid',
        openaiType: 'invalid_request_error',
        anthropicType: 'invalid_request_error',
        geminiStatus: 'FAILED_PRECONDITION',
        source: 'upstream',
      })
      expect(reply.body.error.message).toContain(keys[vendor]!.slice(-4))
      const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
      expect(receipt).toMatchObject({ status: 424, fallback: 'none' })
      expect(receipt.attempts).toHaveLength(1)
    })

    test('provider down: 503 with Retry-After', async () => {
      const caller = await uniroute.createCaller({ ...options, keys: keyFor(vendor, 'down500') })
      const reply = await ask(uniroute, dialect, caller.apiKey, { headers })
      expectError(dialect.family, reply, {
        status: 503,
        openaiType: 'server_error',
        anthropicType: 'api_error',
        geminiStatus: 'UNAVAILABLE',
        source: 'upstream',
      })
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
    })
  })

  test('while one user is in trouble, another is served by their own key', async () => {
    const troubled = await uniroute.createCaller({ keys: keyFor(vendor, 'invalid'), accountFallback: 'never' })
    const keys = keyFor(vendor, 'ok')
    const happy = await uniroute.createCaller({ keys })
    for (let round = 0; round < 3; round++) {
      expect((await ask(uniroute, dialect, troubled.apiKey)).status).toBe(424)
      const reply = await ask(uniroute, dialect, happy.apiKey)
      expect(reply.status).toBe(200)
      expect(reply.headers.get('x-uniroute-billed-to')).toBe('user')
    }
    expect(fake.requestsOf(keys[vendor]!)).toHaveLength(3)
  })

  test('a rate limit cools the key for that model only, with the earliest Retry-After', async () => {
    const keys = keyFor(vendor, 'ok')
    const key = keys[vendor]!
    fake.behave(key, (_call, { model }) => (model === dialect.model ? 'ratelimit30' : undefined))
    const caller = await uniroute.createCaller({ keys })
    const other = { openai: 'gpt-4o-mini', anthropic: 'claude-opus-4-8', google: 'gemini-2.5-pro' }[vendor]
    for (let round = 0; round < 2; round++) {
      const reply = await ask(uniroute, dialect, caller.apiKey)
      expectError(dialect.family, reply, {
        status: 429,
        code: 'rate_limit_exceeded',
        anthropicType: 'rate_limit_error',
        geminiStatus: 'RESOURCE_EXHAUSTED',
      })
      const seconds = Number(reply.headers.get('retry-after'))
      expect(seconds).toBeGreaterThan(20)
      expect(seconds).toBeLessThanOrEqual(30)
    }
    expect(fake.requestsOf(key)).toHaveLength(1)
    expect((await ask(uniroute, dialect, caller.apiKey, { model: other })).status).toBe(200)
  })

  test('the second of two keys serves when the first is rejected, and that is no fallback', async () => {
    const [dead, alive] = [createFakeKey(vendor, 'invalid'), createFakeKey(vendor)]
    const caller = await uniroute.createCaller({ keys: { [vendor]: [dead, alive] } })
    const reply = await ask(uniroute, dialect, caller.apiKey)
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'x-uniroute-billed-to': 'user',
      'x-uniroute-fallback': 'none',
      'x-uniroute-key': caller.providerKeyIds[vendor]![1]!,
      'x-uniroute-attempts': '2',
    })
  })

  test('no credit: 402 provider_quota_exhausted, found in the body', async () => {
    const caller = await uniroute.createCaller({ keys: keyFor(vendor, 'quota') })
    const reply = await ask(uniroute, dialect, caller.apiKey)
    expectError(dialect.family, reply, {
      status: 402,
      code: 'provider_quota_exhausted',
      openaiType: 'insufficient_quota',
      anthropicType: 'billing_error',
      geminiStatus: 'RESOURCE_EXHAUSTED',
      source: 'upstream',
    })
  })

  test('a model the account may not use: 403 model_not_enabled', async () => {
    const caller = await uniroute.createCaller({ keys: keyFor(vendor, 'forbidden-model') })
    const reply = await ask(uniroute, dialect, caller.apiKey)
    expectError(dialect.family, reply, {
      status: 403,
      code: 'model_not_enabled',
      anthropicType: 'permission_error',
      geminiStatus: 'PERMISSION_DENIED',
      source: 'upstream',
    })
  })

  test('a request the provider finds wrong never falls back and is relayed as it is', async () => {
    const keys = keyFor(vendor, 'ok')
    const caller = await uniroute.createCaller({ keys })
    const reply = await ask(uniroute, dialect, caller.apiKey, {
      model: dialect.model.replace(/\w+$/, 'does-not-exist'),
    })
    expect(reply.status).toBe(404)
    expect(reply.headers.get('x-uniroute-error-source')).toBe('upstream')
    expect(reply.text).toContain('does-not-exist')
    expect(reply.headers.get('x-uniroute-attempts')).toBe('1')
  })

  test('streams fall back before the first byte as well', async () => {
    for (const scenario of ['invalid', 'error-first-event']) {
      const caller = await uniroute.createCaller({ keys: keyFor(vendor, scenario) })
      const reply = await ask(uniroute, dialect, caller.apiKey, { stream: true })
      expect([scenario, reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([scenario, 200, 'server'])
      expect(dialect.readText(reply)).toContain('You said: hello')
    }
  })
})

test('overload is told to Anthropic clients as 529 overloaded_error, to others as 503', async () => {
  for (const [vendor, dialect] of VENDORS) {
    const caller = await uniroute.createCaller({ keys: keyFor(vendor, 'overloaded529'), accountFallback: 'never' })
    const reply = await ask(uniroute, dialect, caller.apiKey)
    expectError(dialect.family, reply, {
      status: vendor === 'anthropic' ? 529 : 503,
      code: 'overloaded',
      anthropicType: 'overloaded_error',
      geminiStatus: 'UNAVAILABLE',
      source: 'upstream',
    })
  }
})

test('a header can narrow, never widen', async () => {
  const caller = await uniroute.createCaller({ accountFallback: 'never' })
  const headers = { 'x-uniroute-fallback': 'no_key,invalid,outage' }
  expect((await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { headers })).status).toBe(403)
  const open = await uniroute.createCaller()
  const narrowed = { 'x-uniroute-fallback': 'invalid' }
  expect((await ask(uniroute, CHAT_DIALECTS[0]!, open.apiKey, { headers: narrowed })).status).toBe(403)
})

test('an error text of the provider that repeats the key is never passed on', async () => {
  for (const [vendor, dialect] of VENDORS) {
    const keys = keyFor(vendor, 'leaky')
    const caller = await uniroute.createCaller({ keys, accountFallback: 'never' })
    const reply = await ask(uniroute, dialect, caller.apiKey)
    expect(reply.status).toBe(424)
    expect(reply.text).not.toContain(keys[vendor]!.slice(-20, -4))
  }
})

describe('what the operator grants', () => {
  test('nothing: SERVER_FALLBACK=never', async () => {
    const strict = await startUniRoute({ fake, serverKeys, env: { SERVER_FALLBACK: 'never' } })
    const caller = await strict.createCaller()
    expect((await ask(strict, CHAT_DIALECTS[0]!, caller.apiKey)).status).toBe(403)
    await strict.stop()
    expect(strict.scanAndRemove()).toEqual([])
  })

  test('invalid without no_key: only for a key that once worked', async () => {
    const strict = await startUniRoute({ fake, serverKeys, env: { SERVER_FALLBACK: 'invalid' } })
    const junk = await strict.createCaller({ keys: keyFor('openai', 'invalid') })
    expect((await ask(strict, CHAT_DIALECTS[0]!, junk.apiKey)).status).toBe(424)
    const keys = keyFor('openai', 'ok')
    fake.behave(keys['openai']!, (call) => (call === 1 ? undefined : 'invalid'))
    const once = await strict.createCaller({ keys })
    const replies = [
      await ask(strict, CHAT_DIALECTS[0]!, once.apiKey),
      await ask(strict, CHAT_DIALECTS[0]!, once.apiKey),
    ]
    expect(replies.map((reply) => reply.headers.get('x-uniroute-billed-to'))).toEqual(['user', 'server'])
    await strict.stop()
    expect(strict.scanAndRemove()).toEqual([])
  })
})
