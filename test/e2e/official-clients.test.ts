// The acceptance of the main job: people point the official SDKs at UniRoute as the SDKs' documentation says, and each
// request arrives at the vendor legal and with exactly that user's key.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS, OTHER_DIALECTS, readEvents } from '../support/dialects.ts'
import { clientsInstalled, loadOfficialClients, type OfficialClients } from '../support/official-clients.ts'
import { sendRaw } from '../support/raw-http.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const TOOL_SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const keys = {
  openai: createFakeKey('openai', 'alice'),
  anthropic: createFakeKey('anthropic', 'alice'),
  google: createFakeKey('google', 'alice'),
}
const CACHED_SYSTEM = { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }
const serverKeys = {
  openai: createFakeKey('openai', 'operator'),
  anthropic: createFakeKey('anthropic', 'operator'),
  google: createFakeKey('google', 'operator'),
}

let fake: FakeProvider
let uniroute: UniRoute
let caller: Caller
let sdk: OfficialClients

beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake, serverKeys })
  caller = await uniroute.createCaller({ keys })
  if (clientsInstalled) sdk = loadOfficialClients()
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})
afterEach(() => {
  const violations = fake.violations()
  const foreign = fake.requests.filter((request) => request.key !== keys[request.vendor as keyof typeof keys])
  fake.forget()
  expect(violations).toEqual([])
  expect(foreign.map((request) => `${request.path} with another key`)).toEqual([])
})

if (!clientsInstalled)
  console.warn('The SDK part of official-clients.test.ts did not run: test/clients is not installed')

describe.skipIf(!clientsInstalled)('official SDKs', () => {
  const openai = () =>
    new sdk.OpenAI({
      apiKey: caller.apiKey,
      baseURL: `${uniroute.url}/v1`,
      maxRetries: 0,
      fetch: uniroute.recordingFetch,
      // What an account holder may have set; it belongs to another account than the key that will be used.
      organization: 'org-of-the-client',
    })
  const anthropic = () =>
    new sdk.Anthropic({
      apiKey: caller.apiKey,
      baseURL: uniroute.url,
      maxRetries: 0,
      fetch: uniroute.recordingFetch,
    })
  const google = (apiVersion?: string) =>
    new sdk.GoogleGenAI({
      apiKey: caller.apiKey,
      httpOptions: { baseUrl: uniroute.url, ...(apiVersion && { apiVersion }) },
    })
  const tools = ['get_weather', 'get_time'].map((name) => ({ name, schema: TOOL_SCHEMA }))

  test('openai: chat, whole and streamed, with usage only when asked for', async () => {
    const messages = [{ role: 'user', content: 'hello' }]
    const chat = await openai().chat.completions.create({ model: 'gpt-4o', messages })
    expect(chat.choices[0].message.content).toContain('You said: hello')
    expect(chat._request_id).toMatch(/^req_/)
    const helper = openai().chat.completions.stream({ model: 'gpt-4o', messages })
    expect((await helper.finalChatCompletion()).choices[0].message.content).toBe(chat.choices[0].message.content)
    const chunks = []
    for await (const chunk of await openai().chat.completions.create({ model: 'gpt-4o', messages, stream: true })) {
      chunks.push(chunk)
    }
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true)
    const options = { include_usage: true }
    const counted = await openai().chat.completions.create({
      model: 'gpt-4o',
      messages,
      stream: true,
      stream_options: options,
    })
    let usage
    for await (const chunk of counted) usage = chunk.usage ?? usage
    expect(usage.total_tokens).toBe(chat.usage.total_tokens)
  })

  test('openai: tools, one and two at once, and their results', async () => {
    const declared = tools.map(({ name, schema }) => ({ type: 'function', function: { name, parameters: schema } }))
    const ask = (content: string) => [{ role: 'user', content }]
    const one = await openai().chat.completions.create({
      model: 'gpt-4o',
      messages: ask('use the tool'),
      tools: declared,
    })
    const call = one.choices[0].message.tool_calls[0]
    expect(call.function.name).toBe('get_weather')
    const two = await openai()
      .chat.completions.stream({ model: 'gpt-4o', messages: ask('call both tools'), tools: declared })
      .finalChatCompletion()
    expect(two.choices[0].message.tool_calls).toHaveLength(2)
    const messages = [
      ...ask('use the tool'),
      one.choices[0].message,
      { role: 'tool', tool_call_id: call.id, content: '42' },
    ]
    const done = await openai().chat.completions.create({ model: 'gpt-4o', messages, tools: declared })
    expect(done.choices[0].message.content).toContain('The tool says: 42')
  })

  test('openai: responses, whole, streamed, with tools and reasoning', async () => {
    const whole = await openai().responses.create({ model: 'gpt-5', input: 'hello' })
    expect(whole.output_text).toContain('You said: hello')
    const stream = openai().responses.stream({
      model: 'gpt-5',
      input: 'call both tools',
      reasoning: { effort: 'low', summary: 'auto' },
      tools: tools.map(({ name, schema }) => ({ type: 'function', name, parameters: schema, strict: true })),
    })
    const final = await stream.finalResponse()
    expect(final.output.map((item: { type: string }) => item.type)).toEqual([
      'reasoning',
      'function_call',
      'function_call',
    ])
  })

  test('openai: embeddings and models', async () => {
    const vectors = await openai().embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] })
    expect(vectors.data[1].embedding).toHaveLength(8)
    const ids: string[] = []
    for await (const model of openai().models.list()) ids.push(model.id)
    expect(ids).toEqual(expect.arrayContaining(['gpt-4o', 'claude-sonnet-5', 'gemini-3.5-flash']))
    expect((await openai().models.retrieve('gpt-4o')).id).toBe('gpt-4o')
  })

  test('anthropic: messages, whole and streamed, tools, thinking, caching', async () => {
    const ask = (content: string) => ({
      model: 'claude-sonnet-5',
      max_tokens: 200,
      messages: [{ role: 'user', content }],
    })
    const message = await anthropic().messages.create(ask('hello'))
    expect(message.content[0].text).toContain('You said: hello')
    expect(message._request_id).toMatch(/^req_/)
    const streamed = await anthropic().messages.stream(ask('hello')).finalMessage()
    expect(streamed.content[0].text).toBe(message.content[0].text)
    const declared = tools.map(({ name, schema }) => ({ name, input_schema: schema }))
    const called = await anthropic()
      .messages.stream({ ...ask('call both tools'), tools: declared, thinking: { type: 'adaptive' } })
      .finalMessage()
    expect(called.content.map((block: { type: string }) => block.type)).toEqual(['thinking', 'tool_use', 'tool_use'])
    const system = [{ type: 'text', text: 'long '.repeat(2000), cache_control: { type: 'ephemeral' } }]
    const cached = await anthropic().messages.create({ ...ask('hello'), system })
    expect(cached.usage.cache_read_input_tokens).toBeGreaterThan(0)
  })

  test('anthropic: count tokens and models, page by page', async () => {
    const counted = { model: 'claude-sonnet-5', messages: [{ role: 'user', content: 'hello' }] }
    expect((await anthropic().messages.countTokens(counted)).input_tokens).toBeGreaterThan(0)
    const ids: string[] = []
    for await (const model of anthropic().models.list({ limit: 2 })) ids.push(model.id)
    expect(ids).toContain('claude-sonnet-5')
    expect(new Set(ids).size).toBe(ids.length)
  })

  test.each([undefined, 'v1beta', 'v1'])(
    'google (version %s): generate, stream, tools, tokens, embeddings',
    async (version) => {
      const models = google(version).models
      const model = 'gemini-3.5-flash'
      const answer = await models.generateContent({ model, contents: 'hello' })
      expect(answer.text).toContain('You said: hello')
      let text = ''
      for await (const chunk of await models.generateContentStream({ model, contents: 'hello' }))
        text += chunk.text ?? ''
      expect(text).toBe(answer.text)
      const functionDeclarations = tools.map(({ name, schema }) => ({ name, parametersJsonSchema: schema }))
      const config = { tools: [{ functionDeclarations }] }
      const called = await models.generateContent({ model, contents: 'call both tools', config })
      expect(called.functionCalls.map((call: { name: string }) => call.name)).toEqual(['get_weather', 'get_time'])
      expect((await models.countTokens({ model, contents: 'hello' })).totalTokens).toBeGreaterThan(0)
      const vectors = await models.embedContent({ model: 'gemini-embedding-2', contents: 'a' })
      expect(vectors.embeddings[0].values).toHaveLength(8)
    },
  )

  test('google: models', async () => {
    const names: string[] = []
    for await (const model of await google().models.list()) names.push(model.name)
    expect(names).toContain('models/gemini-3.5-flash')
  })
})

describe('credential header forms', () => {
  const chat = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }

  test.each([
    ['Bearer', (key: string) => ({ authorization: `Bearer ${key}` })],
    ['x-api-key', (key: string) => ({ 'x-api-key': key })],
    ['x-goog-api-key', (key: string) => ({ 'x-goog-api-key': key })],
    ['rubbish beside it', (key: string) => ({ authorization: 'Bearer sk-rubbish', 'x-api-key': key })],
  ])('%s opens every dialect', async (_name, form) => {
    for (const dialect of CHAT_DIALECTS) {
      const reply = await uniroute.call('POST', dialect.path(dialect.model, false), {
        headers: {
          ...form(caller.apiKey),
          ...(dialect.vendor === 'anthropic' && { 'anthropic-version': '2023-06-01' }),
        },
        body: dialect.body('hello', dialect.model, false),
      })
      expect([dialect.name, reply.status]).toEqual([dialect.name, 200])
    }
  })

  test('?key= works, and is passed on neither upstream nor to the logs', async () => {
    const path = `/v1beta/models/gemini-3.5-flash:generateContent?key=${caller.apiKey}`
    const reply = await uniroute.call('POST', path, { body: CHAT_DIALECTS[3]!.body('hello', '', false) })
    expect(reply.status).toBe(200)
    expect(uniroute.stderr()).not.toContain(caller.apiKey.slice(3, 20))
  })

  test('the same header twice is refused', async () => {
    const { status } = await sendRawLines([
      'POST /v1/chat/completions HTTP/1.1',
      'host: x',
      `authorization: Bearer ${caller.apiKey}`,
      `authorization: Bearer ${caller.apiKey}`,
      'content-type: application/json',
      `content-length: ${JSON.stringify(chat).length}`,
      'connection: close',
      '',
      JSON.stringify(chat),
    ])
    expect(status).toBe(400)
  })
})

describe('what every answer says', () => {
  test.each([...CHAT_DIALECTS, ...OTHER_DIALECTS].map((dialect) => [dialect.name, dialect] as const))(
    '%s: whose key paid, and the ids',
    async (_name, dialect) => {
      const reply = await ask(uniroute, dialect, caller.apiKey)
      expect([dialect.name, reply.status, reply.text.slice(0, 300)]).toEqual([dialect.name, 200, expect.any(String)])
      expect(Object.fromEntries(reply.headers)).toMatchObject({
        'x-uniroute-provider': dialect.vendor,
        'x-uniroute-model': dialect.model,
        'x-uniroute-billed-to': 'user',
        'x-uniroute-key': caller.providerKeyIds[dialect.vendor]![0]!,
        'x-uniroute-fallback': 'none',
        'x-uniroute-attempts': '1',
        'request-id': reply.headers.get('x-request-id'),
      })
      for (const stripped of ['set-cookie', 'server', 'cf-ray', 'alt-svc', 'openai-organization']) {
        expect([stripped, reply.headers.get(stripped)]).toEqual([stripped, null])
      }
      const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
      expect(receipt).toMatchObject({
        id: reply.headers.get('x-request-id'),
        provider: dialect.vendor,
        model: dialect.model,
        status: 200,
        billed_to: 'user',
        provider_key_id: caller.providerKeyIds[dialect.vendor]![0]!,
        fallback: 'none',
        attempts: [{ provider: dialect.vendor, billed_to: 'user', status: 200 }],
      })
    },
  )

  // The fake counts by rule: input from the prompt, cached from 1,024 tokens on, reasoning when it is asked for.
  const EXPENSIVE: Record<string, object> = {
    'openai-chat': { reasoning_effort: 'low', stream_options: { include_usage: true } },
    'openai-responses': { reasoning: { effort: 'low' } },
    'anthropic-messages': { thinking: { type: 'adaptive' }, system: [CACHED_SYSTEM] },
    gemini: { generationConfig: { thinkingConfig: { includeThoughts: true } } },
  }
  const RUNS = CHAT_DIALECTS.flatMap((dialect) =>
    [false, true].map((stream) => [dialect.name, stream, dialect] as const),
  )
  test.each(RUNS)(
    "%s (streamed: %s): the receipt has the provider's own token counts and a price",
    async (name, stream, dialect) => {
      const body = { ...dialect.body('word '.repeat(2000), dialect.model, stream), ...EXPENSIVE[name] }
      if (!stream) delete body.stream_options
      const reply = await uniroute.call('POST', dialect.path(dialect.model, stream), {
        headers: dialect.auth(caller.apiKey),
        body,
      })
      expect(reply.status).toBe(200)
      const reported = readUsage(name, reply.body === undefined ? readEvents(reply.text) : [reply.body])
      expect(reported.reasoning_tokens).toBeGreaterThan(0)
      expect(reported.cache_read_tokens).toBeGreaterThan(1000)
      const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
      expect(receipt.streamed).toBe(stream)
      expect(receipt.usage).toMatchObject(reported)
      expect(receipt.cost).toMatchObject({ source: 'computed', usd_micros: expect.any(Number) })
    },
  )

  test('a provider named in the model is taken, and the rest is the model', async () => {
    const reply = await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey, { model: 'openai/gpt-4o-mini' })
    expect(reply.headers.get('x-uniroute-model')).toBe('gpt-4o-mini')
    expect(fake.requests.at(-1)!.body.model).toBe('gpt-4o-mini')
  })
})

/** The usage that the client saw, in the receipt's words (03, 04 §3); later snapshots overwrite earlier ones. */
function readUsage(name: string, events: Json[]): Record<string, number> {
  if (name === 'gemini') {
    const usage = events.at(-1).usageMetadata
    return {
      input_tokens: usage.promptTokenCount,
      cache_read_tokens: usage.cachedContentTokenCount,
      output_tokens: usage.candidatesTokenCount + usage.thoughtsTokenCount,
      reasoning_tokens: usage.thoughtsTokenCount,
    }
  }
  const found = events.map((event) => event.usage ?? event.message?.usage ?? event.response?.usage)
  const usage = Object.assign({}, ...found.filter((part) => part !== undefined && part !== null))
  if (name === 'anthropic-messages') {
    return {
      input_tokens: usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens,
      cache_read_tokens: usage.cache_read_input_tokens,
      cache_write_tokens: usage.cache_creation_input_tokens,
      output_tokens: usage.output_tokens,
      reasoning_tokens: usage.output_tokens_details.thinking_tokens,
    }
  }
  const [input, output] =
    name === 'openai-chat' ? ['prompt_tokens', 'completion_tokens'] : ['input_tokens', 'output_tokens']
  return {
    input_tokens: usage[input!],
    cache_read_tokens: usage[`${input}_details`].cached_tokens,
    output_tokens: usage[output!],
    reasoning_tokens: usage[`${output}_details`].reasoning_tokens,
  }
}

/** Sends exactly these lines. */
const sendRawLines = (lines: readonly string[]) => sendRaw(Number(new URL(uniroute.url).port), lines.join('\r\n'))
