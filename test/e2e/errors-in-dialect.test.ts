// Every refusal comes in the envelope of the client's own dialect, with the right status, a sentence that says what to
// do, and no secret; and the official SDKs throw their typed errors for it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS, expectError, OTHER_DIALECTS, type Dialect } from '../support/dialects.ts'
import { clientsInstalled, loadOfficialClients, type OfficialClients } from '../support/official-clients.ts'
import { sendRaw } from '../support/raw-http.ts'
import type { Caller } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

let fake: FakeProvider
let uniroute: UniRoute
let caller: Caller
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake })
  const keys = {
    openai: createFakeKey('openai'),
    anthropic: createFakeKey('anthropic'),
    google: createFakeKey('google'),
  }
  caller = await uniroute.createCaller({ keys })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(fake?.violations() ?? []).toEqual([])
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const EVERY = [...CHAT_DIALECTS, ...OTHER_DIALECTS].map((dialect) => [dialect.name, dialect] as const)

describe.each(EVERY)('%s', (_name, dialect) => {
  const post = (raw: string | Buffer, headers: Record<string, string> = {}) =>
    uniroute.call('POST', dialect.path(dialect.model, false), {
      headers: { 'content-type': 'application/json', ...dialect.auth(caller.apiKey), ...headers },
      raw,
    })

  test.each([
    ['none', ''],
    ['of another kind', 'sk-proj-something'],
    ['malformed', 'ur_short'],
    ['with a wrong checksum', `ur_${'a'.repeat(49)}`],
  ])('a UniRoute key %s: 401 in the envelope, before anything is sent upstream', async (_kind, key) => {
    const before = fake.requests.length
    const reply = await ask(uniroute, dialect, key)
    expectError(dialect.family, reply, {
      status: 401,
      code: 'invalid_api_key',
      anthropicType: 'authentication_error',
      geminiStatus: 'UNAUTHENTICATED',
      source: 'gateway',
    })
    if (key.length > 8) expect(reply.text).not.toContain(key)
    expect(fake.requests.length).toBe(before)
  })

  test.each([
    ['cut off', '{"model": "x", "messages": ['],
    ['empty', ''],
    ['a list', '[1, 2]'],
    ['text', 'hello'],
  ])('a body that is %s: 400', async (_kind, raw) => {
    expectError(dialect.family, await post(raw), {
      status: 400,
      openaiType: 'invalid_request_error',
      anthropicType: 'invalid_request_error',
      geminiStatus: 'INVALID_ARGUMENT',
      source: 'gateway',
    })
  })

  test.each([
    ['of the provider', () => createFakeKey(dialect.vendor)],
    ['of another provider, behind its name', () => `openai/${createFakeKey('openai')}`],
    ['of UniRoute', () => caller.apiKey],
  ])(
    'a key %s in place of the model: 400 that does not repeat it, and it stands nowhere afterwards',
    async (_whose, make) => {
      const before = fake.requests.length
      const model = make()
      const reply = await ask(uniroute, dialect, caller.apiKey, { model })
      expectError(dialect.family, reply, { status: 400, source: 'gateway' })
      expect(reply.text).toContain('looks like a key')
      expect(reply.text).not.toContain(model.slice(-20))
      const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
      expect(receipt).toMatchObject({ status: 400, requested_model: null, attempts: [] })
      expect(fake.requests.length).toBe(before)
    },
  )

  test('a body nested deeper than 128: 400', async () => {
    const deep = `{"model":"${dialect.model}","x":${'['.repeat(200)}${']'.repeat(200)}}`
    expectError(dialect.family, await post(deep), { status: 400, source: 'gateway' })
  })

  test('a body over 32 MiB: 413', async () => {
    const raw = Buffer.alloc(33 * 1024 * 1024, 0x20)
    const reply = await post(raw)
    expectError(dialect.family, reply, {
      status: 413,
      openaiType: 'invalid_request_error',
      anthropicType: 'request_too_large',
      geminiStatus: 'INVALID_ARGUMENT',
      source: 'gateway',
    })
  })

  test('a wrong method: 405', async () => {
    const path = dialect.path(dialect.model, false)
    const reply = await uniroute.call('PUT', path, { headers: dialect.auth(caller.apiKey), body: {} })
    expectError(dialect.family, reply, { status: 405, source: 'gateway' })
  })

  test("another provider's model is served, or refused where that provider has nothing of the kind", async () => {
    const foreign = dialect.vendor === 'anthropic' ? 'gpt-4o' : 'claude-sonnet-5'
    const before = fake.requests.length
    const reply = await ask(uniroute, dialect, caller.apiKey, { model: foreign })
    if (!dialect.name.includes('embed')) {
      expect([reply.status, reply.text.slice(0, 200)]).toEqual([200, expect.any(String)])
      expect(reply.headers.get('x-uniroute-provider')).toBe(dialect.vendor === 'anthropic' ? 'openai' : 'anthropic')
      return
    }
    // Anthropic has no embeddings.
    expectError(dialect.family, reply, {
      status: 400,
      code: 'unsupported_parameter',
      geminiStatus: 'INVALID_ARGUMENT',
      source: 'gateway',
    })
    expect(fake.requests.length).toBe(before)
  })
})

describe('unknown addresses', () => {
  test.each([
    ['openai', '/v1/assistants', 'openai'],
    ['openai', '/v1/does/not/exist', 'openai'],
    ['anthropic', '/v1/messages/nothing', 'anthropic'],
    ['gemini', '/v1beta/tunedModels', 'gemini'],
    ['gemini', '/v1beta/models/gemini-3.5-flash:doSomething', 'gemini'],
  ] as const)('%s %s: 404 in the envelope', async (_name, path, family) => {
    const dialect = CHAT_DIALECTS.find((candidate) => candidate.family === family)!
    const reply = await uniroute.call('POST', path, { headers: dialect.auth(caller.apiKey), body: {} })
    expectError(family, reply, {
      status: 404,
      anthropicType: 'not_found_error',
      geminiStatus: 'NOT_FOUND',
      source: 'gateway',
    })
  })

  test('a WebSocket for Responses: 426', async () => {
    const { status } = await sendRawLines([
      'GET /v1/responses HTTP/1.1',
      'host: x',
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      '',
      '',
    ])
    expect(status).toBe(426)
  })

  test.each(['//v1/chat/completions', '/v1/../v1/chat/completions', '/v1/%2e%2e/chat', '/V1/chat/completions'])(
    'the path trick %s reaches nothing',
    async (path) => {
      const { status } = await sendRawLines([
        `POST ${path} HTTP/1.1`,
        'host: x',
        `authorization: Bearer ${caller.apiKey}`,
        'content-length: 2',
        'connection: close',
        '',
        '{}',
      ])
      expect([400, 404]).toContain(status)
    },
  )
})

describe('what the provider answers wrongly', () => {
  const WITH_KEY = CHAT_DIALECTS.map((dialect) => [dialect.name, dialect] as const)
  const callWith = async (dialect: Dialect, scenario: string, stream = false) => {
    const keys = { [dialect.vendor]: createFakeKey(dialect.vendor, scenario) }
    const own = await uniroute.createCaller({ keys, accountFallback: 'never' })
    return ask(uniroute, dialect, own.apiKey, { stream })
  }

  test.each(WITH_KEY)('%s: HTML with 200, an empty or cut body: 502 from upstream', async (_name, dialect) => {
    for (const scenario of ['html200', 'empty200', 'cutjson']) {
      const reply = await callWith(dialect, scenario)
      expect([scenario, reply.status]).toEqual([scenario, 502])
      expectError(dialect.family, reply, {
        status: 502,
        openaiType: 'server_error',
        anthropicType: 'api_error',
        geminiStatus: 'INTERNAL',
        source: 'upstream',
      })
    }
  })

  test.each(WITH_KEY)('%s: a redirect is an error of the provider and followed nowhere', async (_name, dialect) => {
    for (const stream of [false, true]) {
      const reply = await callWith(dialect, 'redirect', stream)
      expectError(dialect.family, reply, { status: 503, source: 'upstream' })
      expect(reply.headers.get('location')).toBeNull()
      expect(reply.text).not.toContain('elsewhere')
    }
  })

  test.each(WITH_KEY)('%s: a request-shaped error is relayed byte for byte', async (_name, dialect) => {
    const body = { ...dialect.body('x', dialect.model, false) }
    for (const field of ['messages', 'input', 'contents']) delete body[field]
    const reply = await uniroute.call('POST', dialect.path(dialect.model, false), {
      headers: dialect.auth(caller.apiKey),
      body,
    })
    expect([reply.status, reply.headers.get('x-uniroute-error-source')]).toEqual([400, 'upstream'])
    expect(reply.text).not.toContain('uniroute')
  })
})

if (!clientsInstalled)
  console.warn('The SDK part of errors-in-dialect.test.ts did not run: test/clients is not installed')

describe.skipIf(!clientsInstalled)('typed errors of the official SDKs', () => {
  let sdk: OfficialClients
  beforeAll(() => {
    sdk = loadOfficialClients()
  })
  const messages = [{ role: 'user', content: 'hello' }]
  const callOpenai = (apiKey: string) =>
    new sdk.OpenAI({ apiKey, baseURL: `${uniroute.url}/v1`, maxRetries: 0 }).chat.completions.create({
      model: 'gpt-4o',
      messages,
    })
  const callAnthropic = (apiKey: string) =>
    new sdk.Anthropic({ apiKey, baseURL: uniroute.url, maxRetries: 0 }).messages.create({
      model: 'claude-sonnet-5',
      max_tokens: 9,
      messages,
    })
  const callGoogle = (apiKey: string) =>
    new sdk.GoogleGenAI({ apiKey, httpOptions: { baseUrl: uniroute.url } }).models.generateContent({
      model: 'gemini-3.5-flash',
      contents: 'hello',
    })
  const callerWith = (scenario: string) =>
    uniroute.createCaller({
      accountFallback: 'never',
      keys: {
        openai: createFakeKey('openai', scenario),
        anthropic: createFakeKey('anthropic', scenario),
        google: createFakeKey('google', scenario),
      },
    })
  const thrown = async (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('no error was thrown'),
      (error: { status: number }) => error,
    )

  test('a bad UniRoute key is AuthenticationError, a rejected provider key is not', async () => {
    expect(await thrown(callOpenai('ur_wrong'))).toBeInstanceOf(sdk.OpenAI.AuthenticationError)
    expect(await thrown(callAnthropic('ur_wrong'))).toBeInstanceOf(sdk.Anthropic.AuthenticationError)
    const { apiKey } = await callerWith('invalid')
    const openaiError = await thrown(callOpenai(apiKey))
    expect(openaiError).toBeInstanceOf(sdk.OpenAI.APIError)
    expect(openaiError).not.toBeInstanceOf(sdk.OpenAI.AuthenticationError)
    expect(openaiError.status).toBe(424)
    const anthropicError = await thrown(callAnthropic(apiKey))
    expect(anthropicError).not.toBeInstanceOf(sdk.Anthropic.AuthenticationError)
    expect(anthropicError.status).toBe(424)
    const googleError = await thrown(callGoogle(apiKey))
    expect(googleError).toBeInstanceOf(sdk.GoogleApiError)
    expect(googleError.status).toBe(424)
  })

  test('a rate limit is RateLimitError', async () => {
    const { apiKey } = await callerWith('ratelimit30')
    expect(await thrown(callOpenai(apiKey))).toBeInstanceOf(sdk.OpenAI.RateLimitError)
    expect(await thrown(callAnthropic(apiKey))).toBeInstanceOf(sdk.Anthropic.RateLimitError)
    expect((await thrown(callGoogle(apiKey))).status).toBe(429)
  })

  test('no key is PermissionDeniedError', async () => {
    const { apiKey } = await uniroute.createCaller()
    expect(await thrown(callOpenai(apiKey))).toBeInstanceOf(sdk.OpenAI.PermissionDeniedError)
    expect(await thrown(callAnthropic(apiKey))).toBeInstanceOf(sdk.Anthropic.PermissionDeniedError)
    expect((await thrown(callGoogle(apiKey))).status).toBe(403)
  })

  test('a failing provider is InternalServerError', async () => {
    const { apiKey } = await callerWith('down500')
    expect(await thrown(callOpenai(apiKey))).toBeInstanceOf(sdk.OpenAI.InternalServerError)
    expect((await thrown(callAnthropic(apiKey))).status).toBe(503)
    expect((await thrown(callGoogle(apiKey))).status).toBe(503)
  })
})

/** Sends exactly these lines. */
const sendRawLines = (lines: readonly string[]) => sendRaw(Number(new URL(uniroute.url).port), lines.join('\r\n'))

test.each(['/v1/models/', '/v1beta/models/'])(
  'a key asked for as a model under %s is not kept either',
  async (path) => {
    const key = createFakeKey('google')
    const reply = await uniroute.call('GET', path + key, { token: caller.apiKey })
    expect([reply.status, reply.text.includes(key.slice(-20))]).toEqual([400, false])
    const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
    expect(receipt).toMatchObject({ status: 400, requested_model: null })
  },
)
