// Reasoning state in requests that go through in their own dialect: the key that made it is asked first; where another
// must serve, it gets a body without it, and everything else as it was sent.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { createTwoAccounts, type TwoAccounts, type VendorKeys } from '../support/two-accounts.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'

let fake: FakeProvider
let app: InProcessApp
let two: TwoAccounts
beforeAll(async () => {
  fake = await startFakeProvider()
  app = await startInProcess({ fake })
})
beforeEach(async () => void (two = await createTwoAccounts(app, fake)))
afterEach(() => {
  const wrong = [...fake.violations(), ...fake.complaints()]
  fake.forget()
  expect(wrong).toEqual([])
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
})

interface Native {
  readonly name: string
  readonly vendor: VendorKeys
  readonly path: string
  /** What starts a conversation in which the model thinks, and calls the tool. */
  readonly first: Json
  /** The conversation so far with the tool's answer. */
  next(first: Json, answer: Json): Json
  /** State as the provider wrote it, out of an answer. */
  stateIn(answer: Json): string
}

const schema = { type: 'object', properties: { city: { type: 'string' } } }
const anthropicFirst = {
  model: 'claude-sonnet-4-5',
  max_tokens: 4000,
  thinking: { type: 'enabled', budget_tokens: 2048 },
  tools: [{ name: 'get_weather', input_schema: schema }],
  messages: [{ role: 'user', content: 'call the tool' }],
}

const NATIVES: readonly Native[] = [
  {
    name: 'Anthropic',
    vendor: 'anthropic',
    path: '/v1/messages',
    first: anthropicFirst,
    next: (first, { content }) => ({
      ...first,
      messages: [
        ...first.messages,
        { role: 'assistant', content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: content.at(-1).id, content: '42' }] },
      ],
    }),
    stateIn: ({ content }) => content[0].signature,
  },
  {
    name: 'Responses',
    vendor: 'openai',
    path: '/v1/responses',
    first: {
      model: 'gpt-5',
      store: false,
      include: ['reasoning.encrypted_content'],
      reasoning: { effort: 'high' },
      tools: [{ type: 'function', name: 'get_weather', parameters: schema }],
      input: [{ role: 'user', content: 'call the tool' }],
    },
    next: (first, { output }) => ({
      ...first,
      input: [
        ...first.input,
        ...output,
        { type: 'function_call_output', call_id: output.at(-1).call_id, output: '42' },
      ],
    }),
    stateIn: ({ output }) => output[0].encrypted_content,
  },
  {
    name: 'Gemini',
    vendor: 'google',
    path: '/v1beta/models/gemini-3.5-flash:generateContent',
    first: {
      generationConfig: { thinkingConfig: { thinkingLevel: 'high' } },
      tools: [{ functionDeclarations: [{ name: 'get_weather', parametersJsonSchema: schema }] }],
      contents: [{ role: 'user', parts: [{ text: 'call the tool' }] }],
    },
    next: (first, { candidates: [{ content }] }) => {
      const { id, name } = content.parts.find((part: Json) => part.functionCall).functionCall
      const answer = { functionResponse: { id, name, response: { output: '42' } } }
      return { ...first, contents: [...first.contents, content, { role: 'user', parts: [answer] }] }
    },
    stateIn: ({ candidates: [{ content }] }) =>
      content.parts.find((part: Json) => part.thoughtSignature).thoughtSignature,
  },
]

/** A first turn that the second key serves, with both keys on afterwards. */
async function begin(native: Native): Promise<{ answer: Json; state: string }> {
  await two.turn(native.vendor, 0, false)
  const { status, body: answer, text } = await two.ask(native.path, native.first)
  expect([status, text.slice(0, 200)]).toEqual([200, expect.any(String)])
  expect(two.last().key).toBe(two.keys[native.vendor][1])
  await two.turn(native.vendor, 0, true)
  const state = native.stateIn(answer)
  expect(two.last().issued).toContain(state)
  return { answer, state }
}

const warningsOf = (reply: Reply): string | null => reply.headers.get('x-uniroute-warnings')

describe.each(NATIVES)('$name', (native) => {
  test('the key that made the state is asked first, with the body as it was sent', async () => {
    const { answer } = await begin(native)
    const body = native.next(native.first, answer)
    const reply = await two.ask(native.path, body)
    expect([reply.status, warningsOf(reply)]).toEqual([200, null])
    expect(two.last().key).toBe(two.keys[native.vendor][1])
    expect(two.last().rawBody.toString()).toBe(JSON.stringify(body))
  })

  test('without state the order is as always', async () => {
    await begin(native)
    await two.ask(native.path, native.first)
    expect(two.last().key).toBe(two.keys[native.vendor][0])
  })

  test('another key gets the conversation without it, and the answer says so', async () => {
    const { answer, state } = await begin(native)
    await two.turn(native.vendor, 1, false)
    const reply = await two.ask(native.path, native.next(native.first, answer))
    expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('42')])
    expect(warningsOf(reply)).toMatch(/\bdropped=reasoning_state\b/)
    const sent = two.last()
    expect(sent.key).toBe(two.keys[native.vendor][0])
    expect(sent.rawBody.toString()).not.toContain(state)
    const receipt = await app.readReceipt(two.caller.apiKey, reply.headers.get('x-request-id')!)
    expect(receipt.warnings.join()).toContain('reasoning_state')
  })

  test('a key that fails before the answer hands over to one that gets none of its state', async () => {
    const { answer, state } = await begin(native)
    const [first, second] = two.keys[native.vendor]
    fake.behave(second, () => 'ratelimit')
    const reply = await two.ask(native.path, native.next(native.first, answer))
    expect([reply.status, reply.headers.get('x-uniroute-attempts')]).toEqual([200, '2'])
    expect(warningsOf(reply)).toContain('reasoning_state')
    expect(fake.requestsOf(second).at(-1)!.rawBody.toString()).toContain(state)
    expect(fake.requestsOf(first).at(-1)!.rawBody.toString()).not.toContain(state)
  })

  test('in strict mode the other key is not asked at all', async () => {
    const { answer } = await begin(native)
    await two.turn(native.vendor, 1, false)
    const before = fake.requests.length
    const reply = await two.ask(native.path, native.next(native.first, answer), { 'x-uniroute-strict': 'true' })
    expect([reply.status, reply.text]).toEqual([400, expect.stringContaining('reasoning_state')])
    expect(fake.requests).toHaveLength(before)
  })

  test('state nobody knows is for the provider to judge', async () => {
    const { answer } = await begin(native)
    const another = await createTwoAccounts(app, fake)
    const body = JSON.stringify(native.next(native.first, answer)).replaceAll(native.stateIn(answer), 'AAAA')
    const reply = await another.ask(native.path, JSON.parse(body) as Json)
    expect(another.last().rawBody.toString()).toBe(body)
    expect(reply.status).toBe(400)
    // The provider was right to complain.
    fake.forget()
  })
})

describe('Anthropic', () => {
  const native = NATIVES[0]!

  test('streams are watched as whole answers are', async () => {
    await two.turn('anthropic', 0, false)
    const streamed = await two.ask(native.path, { ...native.first, stream: true })
    const [state] = two.last().issued
    expect(streamed.text).toContain(state)
    await two.turn('anthropic', 0, true)
    const content = [
      { type: 'thinking', thinking: 'The user wants an answer, so I give one.', signature: state },
      { type: 'text', text: 'x' },
    ]
    const messages = [...native.first.messages, { role: 'assistant', content }, { role: 'user', content: 'and?' }]
    await two.ask(native.path, { ...native.first, messages })
    expect(two.last().key).toBe(two.keys.anthropic[1])
  })

  test('manual thinking is switched off in a tool loop that lost its thinking', async () => {
    const { answer } = await begin(native)
    await two.turn('anthropic', 1, false)
    const reply = await two.ask(native.path, native.next(native.first, answer))
    expect(reply.status).toBe(200)
    expect(two.last().body.thinking).toEqual({ type: 'disabled' })
    expect(warningsOf(reply)).toMatch(/approx=thinking/)
  })

  test('tokens are counted without what another account thought', async () => {
    const { answer, state } = await begin(native)
    await two.turn('anthropic', 1, false)
    const { max_tokens: _most, ...body } = native.next(native.first, answer)
    const reply = await two.ask('/v1/messages/count_tokens', body)
    expect([reply.status, two.last().rawBody.toString().includes(state)]).toEqual([200, false])
  })
})

test('a server key that made the state is not preferred to a key of the user’s own', async () => {
  const served = await startInProcess({ fake, env: { ANTHROPIC_API_KEY: two.keys.anthropic[0] } })
  try {
    const native = NATIVES[0]!
    const caller = await served.createCaller()
    const ask = (body: Json): Promise<Reply> => served.call('POST', native.path, { token: caller.apiKey, body })
    const first = await ask(native.first)
    expect(first.headers.get('x-uniroute-billed-to')).toBe('server')
    await served.addProviderKey(caller.token, 'anthropic', two.keys.anthropic[1])
    const next = await ask(native.next(native.first, first.body))
    expect([next.status, next.headers.get('x-uniroute-billed-to')]).toEqual([200, 'user'])
    expect(next.headers.get('x-uniroute-warnings')).toContain('reasoning_state')
  } finally {
    await served.close()
  }
})
