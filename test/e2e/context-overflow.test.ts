// A conversation longer than the model's context: recognised by each provider's status and words, told in the client's
// dialect as its programs know it, and relayed byte for byte where both sides speak the same dialect. And what a
// provider says of itself in a 400 names no machine behind it.
import { beforeAll, describe, expect, test } from 'vitest'
import { expectError } from '../support/dialects.ts'
import { clientsInstalled, loadOfficialClients, type OfficialClients } from '../support/official-clients.ts'
import { CLIENTS, useRegressionGateway, type Client } from '../support/regression-gateway.ts'
import { jsonAnswer, responsesStream, responseStart, chatStream } from '../support/scripted-answers.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'

const gateway = useRegressionGateway()

const openai = (message: string, code: string | null, type = 'invalid_request_error'): Json => ({
  error: { message, type, param: 'messages', code },
})
const anthropic = (message: string): Json => ({ type: 'error', error: { type: 'invalid_request_error', message } })
const google = (message: string): Json => ({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } })

interface Refusal {
  readonly name: string
  readonly model: string
  /** The clients that are relayed there. */
  readonly own: readonly Client[]
  readonly body: Json
  /** What it has, and what fits, where the words say it. */
  readonly numbers: readonly [tokens: number, limit: number] | null
}

const CHAT_WORDS =
  "This model's maximum context length is 4096 tokens. However, you requested 5,120 tokens (5000 in the messages, 120 in the completion). Please reduce the length of the messages or completion."
const REFUSALS: readonly Refusal[] = [
  {
    name: 'OpenAI Responses',
    model: 'gpt-5',
    own: ['chat', 'responses'],
    body: openai(
      'Your input exceeds the context window of this model. Please adjust your input and try again.',
      'context_length_exceeded',
    ),
    numbers: null,
  },
  {
    name: 'Anthropic',
    model: 'claude-sonnet-5',
    own: ['messages'],
    body: anthropic('prompt is too long: 3333404 tokens > 200000 maximum'),
    numbers: [3333404, 200000],
  },
  {
    name: 'Anthropic, with the room for the answer',
    model: 'claude-sonnet-5',
    own: ['messages'],
    body: anthropic(
      'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length',
    ),
    numbers: null,
  },
  {
    name: 'Google',
    model: 'gemini-3.5-flash',
    own: ['gemini'],
    body: google('The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).'),
    numbers: [1048577, 1048576],
  },
  {
    name: 'vLLM',
    model: 'vllm-like/qwen3',
    own: ['chat'],
    body: { object: 'error', message: CHAT_WORDS, type: 'BadRequestError', param: null, code: 400 },
    numbers: [5120, 4096],
  },
  {
    name: 'Ollama',
    model: 'ollama-like/qwen3',
    own: ['chat'],
    body: {
      error: { message: 'the input length exceeds the context length', type: 'api_error', param: null, code: null },
    },
    numbers: null,
  },
  {
    name: 'llama.cpp, which counts in fields',
    model: 'conservative-like/llama',
    own: ['chat'],
    body: {
      error: {
        code: 400,
        message: 'the request exceeds the available context size, try increasing it',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 9012,
        n_ctx: 4096,
      },
    },
    numbers: [9012, 4096],
  },
  {
    name: 'a server that knows OpenAI’s code',
    model: 'conservative-like/llama',
    own: ['chat'],
    body: openai('Please reduce the length of the messages or completion.', 'context_length_exceeded'),
    numbers: null,
  },
]

const bodyOf = (client: Client, model: string, stream: boolean): Json => {
  const text = 'What is it like in Paris?'
  if (client === 'gemini') return { model, stream, contents: [{ role: 'user', parts: [{ text }] }] }
  if (client === 'responses') return { model, store: false, input: text, stream }
  const messages = [{ role: 'user', content: text }]
  return { model, messages, stream, ...(client === 'messages' && { max_tokens: 900 }) }
}
const FAMILIES = { chat: 'openai', responses: 'openai', messages: 'anthropic', gemini: 'gemini' } as const

function expectOverflow(client: Client, reply: Reply, numbers: Refusal['numbers']): void {
  expectError(FAMILIES[client], reply, {
    status: 400,
    code: 'context_length_exceeded',
    openaiType: 'invalid_request_error',
    anthropicType: 'invalid_request_error',
    geminiStatus: 'INVALID_ARGUMENT',
    source: 'upstream',
  })
  const { message } = reply.body.error
  if (client === 'messages') {
    const exact = numbers && `prompt is too long: ${numbers[0]} tokens > ${numbers[1]} maximum`
    expect(message).toBe(exact ?? 'prompt is too long')
  } else {
    expect(message).toMatch(/^[\w-]+: the prompt is longer than /)
    for (const number of numbers ?? []) expect(message).toContain(String(number))
    if (numbers === null) expect(message).not.toMatch(/\d{3,}/)
  }
}

const CROSSINGS = REFUSALS.flatMap((refusal) =>
  CLIENTS.flatMap((client) => [false, true].map((stream) => ({ refusal, client, stream, name: refusal.name }))),
)

test.each(CROSSINGS)('$name → $client, streamed: $stream', async ({ refusal, client, stream }) => {
  const { model, own, body, numbers } = refusal
  gateway.answerWith(jsonAnswer(body, 400))
  const reply = await gateway.ask(client, bodyOf(client, model, stream))
  // It is the request's fault: asked once, of one key.
  expect(gateway.sent()).toHaveLength(1)
  if (own.includes(client)) {
    expect([reply.status, reply.text]).toEqual([400, JSON.stringify(body)])
    expect(reply.headers.get('x-uniroute-error-source')).toBe('upstream')
  } else expectOverflow(client, reply, numbers)
  const token = gateway.caller.token
  const logged = await gateway.app.call('GET', `/admin/requests/${reply.headers.get('x-request-id')}`, { token })
  expect(logged.body.error).toEqual({ code: 'context_length_exceeded', source: 'upstream' })
})

describe('a stream whose first word is the overflow is a 400, asked once', () => {
  const failed = { code: 'context_length_exceeded', message: 'Your input exceeds the context window of this model.' }
  const started = responseStart()
  const frames = [
    ...started,
    {
      type: 'response.failed',
      sequence_number: 2,
      response: { ...started[0]!.response, status: 'failed', error: failed },
    },
  ]
  test.each<Client>(['messages', 'gemini'])('Responses → %s', async (client) => {
    gateway.answerWith(responsesStream(frames))
    expectOverflow(client, await gateway.ask(client, bodyOf(client, 'gpt-5', true)), null)
    expect(gateway.sent()).toHaveLength(1)
  })

  test.each(CLIENTS)('Chat → %s', async (client) => {
    gateway.answerWith(
      chatStream([{ error: { message: CHAT_WORDS, type: 'BadRequestError', param: null, code: 400 } }]),
    )
    expectOverflow(client, await gateway.ask(client, bodyOf(client, 'vllm-like/qwen3', true)), [5120, 4096])
    expect(gateway.sent()).toHaveLength(1)
  })
})

test.each([
  [
    'too much room for the answer',
    "'max_tokens' is too large: 5000. This model's maximum context length is 4096 tokens and your request has 10 input tokens.",
  ],
  ['something else', 'The prompt must not be empty.'],
])('%s is no overflow', async (_what, message) => {
  gateway.answerWith(jsonAnswer(openai(message, null), 400))
  const reply = await gateway.ask('messages', bodyOf('messages', 'vllm-like/qwen3', false))
  expect([reply.status, reply.body.error.details.code]).toEqual([400, 'bad_request'])
  expect(reply.body.error.message).toContain(message.slice(0, 20))
})

describe('the words of a translated 400', () => {
  const ask = async (words: string, text = 'hello'): Promise<string> => {
    gateway.answerWith(jsonAnswer(openai(words, null), 400))
    const body = { ...bodyOf('messages', 'vllm-like/qwen3', false), messages: [{ role: 'user', content: text }] }
    const reply = await gateway.ask('messages', body)
    expect(reply.status).toBe(400)
    return reply.body.error.message
  }

  test('name no machine behind the provider', async () => {
    const { host } = new URL(gateway.fake.url)
    const message = await ask(
      `Post "http://10.1.2.3:8000/v1/chat": dial tcp 10.1.2.3:8000 via gpu-7.cluster.local and ${host} and [fd00::7]:443: refused; max 4096.`,
    )
    expect(message).not.toMatch(/10\.1\.2\.3|gpu-7|cluster|fd00|127\.0\.0\.1|http:/)
    expect(message).toMatch(/refused; max 4096\.$/)
  })

  test('keep an address that the client sent itself', async () => {
    const url = 'https://pictures.example.com/cat.png'
    expect(await ask(`Error while downloading ${url}.`, `See ${url}`)).toContain(url)
  })
})

if (!clientsInstalled)
  console.warn('The SDK part of context-overflow.test.ts did not run: test/clients is not installed')

describe.skipIf(!clientsInstalled)('the official SDKs throw their own class of it', () => {
  let sdk: OfficialClients
  beforeAll(() => {
    sdk = loadOfficialClients()
  })
  const messages = [{ role: 'user', content: 'hello' }]
  const thrown = async (promise: Promise<unknown>): Promise<any> =>
    promise.then(
      () => expect.fail('no error was thrown'),
      (error: unknown) => error,
    )

  test('OpenAI: BadRequestError with the code, from a model of Anthropic', async () => {
    const client = new sdk.OpenAI({ apiKey: gateway.caller.apiKey, baseURL: `${gateway.app.url}/v1` })
    for (const stream of [false, true]) {
      for (const ask of [
        () => client.chat.completions.create({ model: 'claude-sonnet-5', messages, stream }),
        () => client.responses.create({ model: 'claude-sonnet-5', input: 'hello', store: false, stream }),
      ]) {
        gateway.answerWith(jsonAnswer(REFUSALS[1]!.body, 400))
        const error = await thrown(ask())
        expect(error).toBeInstanceOf(sdk.OpenAI.BadRequestError)
        expect([error.status, error.code]).toEqual([400, 'context_length_exceeded'])
      }
    }
  })

  test('Anthropic: BadRequestError with the anchored sentence, from a model of Google', async () => {
    const client = new sdk.Anthropic({ apiKey: gateway.caller.apiKey, baseURL: gateway.app.url })
    for (const stream of [false, true]) {
      gateway.answerWith(jsonAnswer(REFUSALS[3]!.body, 400))
      const error = await thrown(client.messages.create({ model: 'gemini-3.5-flash', max_tokens: 9, messages, stream }))
      expect(error).toBeInstanceOf(sdk.Anthropic.BadRequestError)
      expect(error.error.error.message).toMatch(/^prompt is too long: 1048577 tokens > 1048576 maximum$/)
    }
  })

  test('Google: ApiError 400, from a model of Anthropic', async () => {
    const client = new sdk.GoogleGenAI({ apiKey: gateway.caller.apiKey, httpOptions: { baseUrl: gateway.app.url } })
    gateway.answerWith(jsonAnswer(REFUSALS[1]!.body, 400))
    const asked = { model: 'claude-sonnet-5', contents: 'hello' }
    const error = await thrown(client.models.generateContent(asked))
    expect(error).toBeInstanceOf(sdk.GoogleApiError)
    expect([error.status, error.message]).toEqual([400, expect.stringContaining('INVALID_ARGUMENT')])
    expect(error.message).toContain('3333404')
  })
})
