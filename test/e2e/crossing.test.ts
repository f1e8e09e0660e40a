// What crosses between dialects besides chat: token counts, embeddings, /v1/chat; and how losses, strict mode and the
// bridge are told.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { readEvents } from '../support/dialects.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'
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
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})
afterEach(() => {
  expect(fake.violations()).toEqual([])
})

const post = (path: string, body: Json, headers: Record<string, string> = {}): Promise<Reply> =>
  uniroute.call('POST', path, { headers: { authorization: `Bearer ${caller.apiKey}`, ...headers }, body })

describe('token counts', () => {
  const text = 'How many tokens are these?'
  const asked: readonly [string, string, (model: string) => Json, (body: Json) => number][] = [
    [
      'Anthropic',
      '/v1/messages/count_tokens',
      (model) => ({ model, messages: [{ role: 'user', content: text }] }),
      (body) => body.input_tokens,
    ],
    ['Responses', '/v1/responses/input_tokens', (model) => ({ model, input: text }), (body) => body.input_tokens],
    ['Gemini', '', () => ({ contents: [{ role: 'user', parts: [{ text }] }] }), (body) => body.totalTokens],
  ]
  test.each(asked)('a client of %s counts for every vendor', async (_name, path, body, read) => {
    for (const model of ['gpt-5', 'claude-sonnet-5', 'gemini-3.5-flash']) {
      const reply = await post(path || `/v1beta/models/${model}:countTokens`, body(model))
      expect([model, reply.status, reply.text.slice(0, 200)]).toEqual([model, 200, expect.any(String)])
      expect(read(reply.body)).toBeGreaterThan(0)
    }
  })
})

describe('embeddings', () => {
  test('an OpenAI client gets vectors of a Gemini model, as numbers and as base64', async () => {
    const floats = await post('/v1/embeddings', { model: 'gemini-embedding-001', input: ['a', 'b'], dimensions: 8 })
    expect(floats.status).toBe(200)
    expect(floats.body.data).toHaveLength(2)
    const [first] = floats.body.data
    const encoded = await post('/v1/embeddings', {
      model: 'gemini-embedding-001',
      input: ['a', 'b'],
      dimensions: 8,
      encoding_format: 'base64',
    })
    const bytes = Buffer.from(encoded.body.data[0].embedding, 'base64')
    const back = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4))
    expect(back).toHaveLength(first.embedding.length)
    for (const [at, value] of back.entries()) expect(value).toBeCloseTo(first.embedding[at], 5)
  })

  test('a Gemini client gets vectors of an OpenAI model, one and several', async () => {
    const content = { parts: [{ text: 'a' }] }
    const one = await post('/v1beta/models/openai/text-embedding-3-small:embedContent', { content })
    expect([one.status, one.body.embedding.values.length > 0]).toEqual([200, true])
    const several = await post('/v1beta/models/text-embedding-3-small:batchEmbedContents', {
      requests: [{ content }, { content }],
    })
    expect([several.status, several.body.embeddings.length]).toEqual([200, 2])
  })

  test.each([[[]], [''], [['a', '']], [null], [{ text: 'a' }]])(
    '%j is a 400 before anything is sent',
    async (input) => {
      const before = fake.requests.length
      const reply = await post('/v1/embeddings', { model: 'gemini-embedding-001', input })
      expect([reply.status, reply.body.error.code]).toEqual([400, 'bad_request'])
      expect(fake.requests).toHaveLength(before)
    },
  )

  test('token numbers cannot cross, and Anthropic has no embeddings: 400 that says so', async () => {
    const tokens = await post('/v1/embeddings', { model: 'gemini-embedding-001', input: [[1, 2, 3]] })
    expect([tokens.status, tokens.body.error.code]).toEqual([400, 'unsupported_parameter'])
    const none = await post('/v1/embeddings', { model: 'claude-sonnet-5', input: 'a' })
    expect([none.status, none.body.error.code]).toEqual([400, 'unsupported_parameter'])
    expect(none.body.error.message).toMatch(/^Anthropic has no embeddings/)
  })
})

describe('losses', () => {
  const body = {
    model: 'claude-sonnet-5',
    messages: [{ role: 'user', content: 'hi' }],
    seed: 7,
    logit_bias: { 50256: -100 },
  }

  test('are told in a header, and the request is served', async () => {
    const reply = await post('/v1/chat/completions', body)
    expect(reply.status).toBe(200)
    expect(reply.headers.get('x-uniroute-warnings')).toMatch(/^dropped=/)
    expect(reply.headers.get('x-uniroute-warnings')).toMatch(/\bseed\b/)
    const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
    expect(JSON.stringify(receipt.warnings)).toContain('seed')
    expect(receipt.dialects).toEqual({ client: 'openai-chat', upstream: 'anthropic-messages' })
  })

  test('are a 400 in strict mode, before anything is sent', async () => {
    const before = fake.requests.length
    const reply = await post('/v1/chat/completions', body, { 'x-uniroute-strict': 'true' })
    expect([reply.status, reply.body.error.code]).toEqual([400, 'unsupported_parameter'])
    expect(reply.body.error.message).toContain('seed')
    expect(fake.requests).toHaveLength(before)
  })

  describe('several answers at once', () => {
    const contents = [{ role: 'user', parts: [{ text: 'hi' }] }]
    const gemini = (model: string, candidateCount: number): [string, Json] => [
      `/v1beta/models/${model}:generateContent`,
      { contents, generationConfig: { candidateCount } },
    ]
    const chat = (model: string, n: number): [string, Json] => [
      '/v1/chat/completions',
      { model, messages: [{ role: 'user', content: 'hi' }], n },
    ]

    test.each([
      ['Chat → Anthropic', ...chat('claude-sonnet-5', 2)],
      ['Chat → Gemini', ...chat('gemini-3.5-flash', 2)],
      ['Gemini → Anthropic', ...gemini('claude-sonnet-5', 2)],
      ['Gemini → Responses', ...gemini('gpt-5', 2)],
    ])('are refused where the request crosses: %s', async (_pair, path, asked) => {
      const before = fake.requests.length
      const reply = await post(path, asked)
      expect(reply.status).toBe(400)
      const { code, status, message } = reply.body.error
      expect(status ?? code).toBe(path.startsWith('/v1beta') ? 'INVALID_ARGUMENT' : 'unsupported_parameter')
      expect(message).toMatch(/one answer|Several answers/)
      expect(fake.requests).toHaveLength(before)
    })

    test('go through in the dialect that has them, and one is no wish', async () => {
      for (const [path, asked] of [chat('gpt-4o', 2), gemini('gemini-3.5-flash', 2)]) {
        expect((await post(path, asked)).status).toBe(200)
        expect(fake.requests.at(-1)!.rawBody.toString()).toMatch(/"(?:n|candidateCount)":2/)
      }
      const one = await post(...chat('gemini-3.5-flash', 1))
      expect([one.status, one.headers.get('x-uniroute-warnings')]).toEqual([200, null])
    })
  })
})

describe('/v1/chat', () => {
  test.each(['gpt-4o', 'claude-sonnet-5', 'gemini-3.5-flash'])('answers whole and streamed for %s', async (model) => {
    const body = { model, messages: [{ role: 'user', content: 'hello' }] }
    const whole = await post('/v1/chat', body)
    expect([whole.status, whole.text.slice(0, 300)]).toEqual([200, expect.any(String)])
    expect(whole.text).toContain('hello')
    expect(whole.body).toMatchObject({ provider: expect.any(String), latency_ms: expect.any(Number) })
    const streamed = await post('/v1/chat/stream', body)
    const events = readEvents(streamed.text)
    expect(events.map(({ content }) => content ?? '').join('')).toContain('hello')
    expect(events.at(-1)).toMatchObject({ done: true })
  })

  test('errors are one sentence with a true status', async () => {
    const reply = await post('/v1/chat', { messages: [] })
    expect(reply.status).toBe(400)
    expect(Object.keys(reply.body)).toEqual(['error'])
    expect(reply.body.error).toEqual(expect.any(String))
  })
})

describe('Gemini streams without alt=sse', () => {
  test('are a JSON array, of another vendor too', async () => {
    for (const model of ['gemini-3.5-flash', 'claude-sonnet-5', 'gpt-5']) {
      const reply = await post(`/v1beta/models/${model}:streamGenerateContent`, {
        contents: [{ role: 'user', parts: [{ text: 'hello' }] }],
      })
      expect([model, reply.status]).toEqual([model, 200])
      const chunks = JSON.parse(reply.text) as Json[]
      const said = chunks
        .flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])
        .map((part: Json) => part.text ?? '')
      expect(said.join('')).toContain('hello')
    }
  })
})
