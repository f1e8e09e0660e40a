// What the gateway itself decides: bodies of mixed shape, the bridge to Responses, tools of the provider's own, whose
// key serves a conversation, and what a rejected key looks like from outside.
import { expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { CLIENTS, useRegressionGateway, type Client } from '../../support/regression-gateway.ts'
import { jsonAnswer, message, outputText, response } from '../../support/scripted-answers.ts'
import type { Caller, Json } from '../../support/uniroute-client.ts'
import { chatTools, messagesTools, responsesTools, toolResult, toolUse } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const CLAUDE = 'claude-sonnet-5'
const QUESTION = 'What is it like in Paris?'
const question = { role: 'user', content: QUESTION }
const warm = jsonAnswer(message([{ type: 'text', text: 'Warm.' }], 'end_turn'))

const SHAPES: [string, Json][] = [
  [
    'Responses items and flat tools',
    {
      input: [
        { role: 'user', content: [{ type: 'input_text', text: QUESTION }] },
        { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Paris"}' },
        { type: 'function_call_output', call_id: 'call_1', output: '21 °C' },
      ],
      tools: [...responsesTools, { type: 'custom', name: 'apply_patch', description: 'Edits files.' }],
    },
  ],
  [
    'Anthropic blocks and input_schema',
    {
      messages: [
        { role: 'user', content: [{ type: 'text', text: QUESTION }] },
        { role: 'assistant', content: [toolUse('call_1')] },
        { role: 'user', content: [toolResult('call_1')] },
        { role: 'assistant', content: [] },
        { role: 'user', content: 'Thanks.' },
      ],
      tools: messagesTools,
    },
  ],
]
const MIXED = ['claude-sonnet-5', 'gpt-4o', 'gemini-2.5-flash', 'conservative-like/llama-3.3-70b'].flatMap((model) =>
  SHAPES.map(([shape, body]): [string, string, Json] => [shape, model, body]),
)
test.each(MIXED)(
  '43. a body of %s on /v1/chat/completions is served by %s and answered as Chat (archestra#7375, vibeproxy#411)',
  async (_shape, model, body) => {
    const reply = await gateway.ask('chat', { model, ...body })
    expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
    expect(reply.body).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant', content: expect.any(String) }, finish_reason: 'stop' }],
    })
    expect(gateway.sent()[0]!.rawBody.toString()).toContain('21 °C')
  },
)

const BRIDGE_REFUSAL = {
  error: {
    message:
      'Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. Please use /v1/responses instead.',
    type: 'invalid_request_error',
    param: 'reasoning_effort',
    code: null,
  },
}
const answered = jsonAnswer(response([outputText('Warm.')]))
const refused = jsonAnswer(BRIDGE_REFUSAL, 400)
const paths = (): string[] => gateway.sent().map(({ path }) => path)

test('44. the exact refusal of tools beside reasoning is sent once more as Responses, and learned (openai-openapi#541, litellm#34569)', async () => {
  const body = { model: 'gpt-5.6', messages: [question], tools: chatTools }
  gateway.answerWith(refused, answered, answered)
  const bridged = await gateway.ask('chat', body)
  expect(paths()).toEqual(['/v1/chat/completions', '/v1/responses'])
  expect(new Set(gateway.sent().map(({ key }) => key)).size).toBe(1)
  const later = await gateway.ask('chat', body)
  expect(paths().slice(2)).toEqual(['/v1/responses'])
  for (const reply of [bridged, later]) {
    expect(reply.body).toMatchObject({ object: 'chat.completion', choices: [{ message: { content: 'Warm.' } }] })
    expect(reply.headers.get('x-uniroute-warnings')).toContain('adjusted=chat_to_responses')
  }
  expect([bridged, later].map(({ headers }) => headers.get('x-uniroute-attempts'))).toEqual(['2', '1'])
})

test("44. in strict mode the refusal of tools beside reasoning is the client's to see (openai-openapi#541, litellm#34569)", async () => {
  gateway.answerWith(refused)
  const body = { model: 'gpt-5.6-strict', messages: [question], tools: chatTools }
  const reply = await gateway.ask('chat', body, { headers: { 'x-uniroute-strict': 'true' } })
  expect([reply.status, reply.text]).toEqual([400, JSON.stringify(BRIDGE_REFUSAL)])
  expect(paths()).toEqual(['/v1/chat/completions'])
})

/** Tools that the vendor itself runs, of one dialect, for a model of another. */
const BUILTINS: [Client, string, Json, Json][] = [
  ['responses', CLAUDE, { type: 'code_interpreter', container: { type: 'auto' } }, { type: 'code_interpreter' }],
  [
    'messages',
    'gpt-5',
    { type: 'code_execution_20250825', name: 'code_execution' },
    { type: 'tool', name: 'code_execution' },
  ],
]
const FUNCTIONS = { responses: responsesTools, messages: messagesTools } as Record<Client, Json[]>
const askWith = (client: Client, model: string, more: Json): ReturnType<typeof gateway.ask> =>
  gateway.ask(client, {
    model,
    ...(client === 'responses' ? { input: QUESTION, store: false } : { max_tokens: 900, messages: [question] }),
    ...more,
  })

test.each(BUILTINS)(
  "45. a tool of the provider's own, of %s, is dropped beside a function for %s, and said so (policy)",
  async (client, model, builtin) => {
    const reply = await askWith(client, model, { tools: [builtin, ...FUNCTIONS[client]!] })
    expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, expect.stringMatching(/^dropped=/)])
    expect(gateway.lastBody().tools).toHaveLength(FUNCTIONS[client]!.length)
    expect(JSON.stringify(gateway.lastBody().tools)).not.toMatch(/code_(?:interpreter|execution)/)
  },
)

test.each(BUILTINS)(
  "45. a tool of the provider's own, of %s, alone for %s is a 400 that names it (policy)",
  async (client, model, builtin) => {
    const reply = await askWith(client, model, { tools: [builtin] })
    expect(reply.status).toBe(400)
    expect(reply.body.error.message).toMatch(/code_(?:interpreter|execution)/)
    expect(gateway.sent()).toEqual([])
  },
)

test.each(BUILTINS)(
  "45. a tool of the provider's own, of %s, forced for %s is a 400 (policy)",
  async (client, model, builtin, choice) => {
    const reply = await askWith(client, model, { tools: [builtin, ...FUNCTIONS[client]!], tool_choice: choice })
    expect(reply.status).toBe(400)
    expect(gateway.sent()).toEqual([])
  },
)

interface Conversation {
  readonly caller: Caller
  /** The key that made the state, and one that now stands before it. */
  readonly maker: string
  readonly other: string
  readonly makerId: string
  /** The next question, with the state in it. */
  readonly body: Json
}

/** A tool round served by one key, after which its owner puts another key first. */
async function converse(client: 'chat' | 'messages'): Promise<Conversation> {
  const [maker, other] = [createFakeKey('anthropic'), createFakeKey('anthropic')]
  const caller = await gateway.app.createCaller({ keys: { anthropic: maker } })
  const body =
    client === 'chat'
      ? { model: CLAUDE, reasoning_effort: 'high', tools: chatTools }
      : { model: CLAUDE, max_tokens: 9000, thinking: { type: 'adaptive' }, tools: messagesTools }
  const content = [{ type: 'thinking', thinking: '', signature: 'SIG-of-the-maker' }, toolUse('toolu_1')]
  gateway.answerWith(jsonAnswer(message(content, 'tool_use')))
  const { body: answer } = await gateway.ask(client, { ...body, messages: [question] }, { caller })
  const messages =
    client === 'chat'
      ? [question, answer.choices[0].message, { role: 'tool', tool_call_id: 'toolu_1', content: '21 °C' }]
      : [question, { role: 'assistant', content: answer.content }, { role: 'user', content: [toolResult('toolu_1')] }]
  const { id, version } = await gateway.app.addProviderKey(caller.token, 'anthropic', other)
  await patchKey(caller, id, { position: 1, version })
  return { caller, maker, other, makerId: caller.providerKeyIds['anthropic']![0]!, body: { ...body, messages } }
}

async function patchKey(caller: Caller, id: string, body: Json): Promise<void> {
  const reply = await gateway.app.call('PATCH', `/admin/provider-keys/${id}`, { token: caller.token, body })
  expect(reply.status).toBe(200)
}

test.each(['chat', 'messages'] as const)(
  '46. the key whose signatures a conversation of %s carries serves before one that stands first (sub2api#2380)',
  async (client) => {
    const { caller, maker, body } = await converse(client)
    gateway.answerWith(warm)
    const reply = await gateway.ask(client, body, { caller })
    expect([reply.status, gateway.sent()[1]!.key]).toEqual([200, maker])
    expect(gateway.lastBody().messages[1].content[0]).toMatchObject({ signature: 'SIG-of-the-maker' })
  },
)

test.each(['chat', 'messages'] as const)(
  '46. another key serves a conversation of %s without the state, and the client is told (sub2api#2380)',
  async (client) => {
    const { caller, makerId, other, body } = await converse(client)
    const keys = await gateway.app.call('GET', '/admin/provider-keys', { token: caller.token })
    const { version } = keys.body.keys.find(({ id }: Json) => id === makerId)
    await patchKey(caller, makerId, { is_active: false, version })
    gateway.answerWith(warm)
    const reply = await gateway.ask(client, body, { caller })
    expect([reply.status, gateway.sent()[1]!.key]).toEqual([200, other])
    expect(gateway.sent()).toHaveLength(2)
    expect(gateway.sent()[1]!.rawBody.toString()).not.toMatch(/urs1\.|SIG-of-the-maker/)
    expect(reply.headers.get('x-uniroute-warnings')).toMatch(/dropped=[^;]*reasoning_state/)
    expect(JSON.stringify(gateway.lastBody().messages[1])).toContain('toolu_1')
  },
)

test.each(CLIENTS)(
  '47. a rejected key, and no other, is a 424 that names it to a client of %s, never a 401 (policy)',
  async (client) => {
    const key = createFakeKey('anthropic', 'invalid')
    const caller = await gateway.app.createCaller({ keys: { anthropic: key } })
    const bodies: Record<Client, Json> = {
      chat: { messages: [question] },
      responses: { input: QUESTION, store: false },
      messages: { max_tokens: 900, messages: [question] },
      gemini: { contents: [{ role: 'user', parts: [{ text: QUESTION }] }] },
    }
    const reply = await gateway.ask(client, { model: CLAUDE, ...bodies[client] }, { caller })
    expect(reply.status).toBe(424)
    expect(reply.body).toMatchObject(
      {
        chat: { error: { type: 'invalid_request_error', code: 'provider_key_invalid' } },
        responses: { error: { type: 'invalid_request_error', code: 'provider_key_invalid' } },
        messages: {
          type: 'error',
          error: { type: 'invalid_request_error', details: { code: 'provider_key_invalid' } },
        },
        gemini: { error: { code: 424, status: 'FAILED_PRECONDITION' } },
      }[client],
    )
    expect(reply.body.error.message).toContain(key.slice(-4))
  },
)
