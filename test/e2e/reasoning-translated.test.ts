// Reasoning state of a provider behind a client of another dialect: what the client drops is put back, whatever it
// said, to the account that made it and to no other.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { readEvents } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { createTwoAccounts, type TwoAccounts, type VendorKeys } from '../support/two-accounts.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'

const THOUGHTS = 'The user wants an answer, so I give one.'

let fake: FakeProvider
let app: InProcessApp
let two: TwoAccounts
let folder: string
beforeAll(async () => {
  fake = await startFakeProvider()
  folder = mkdtempSync(join(tmpdir(), 'uniroute-reasoning-'))
  const providers = join(folder, 'providers.json')
  const thinker = { id: 'thinker', name: 'Thinker', base_url: fake.urlOf('compat'), dialect: 'deepseek' }
  writeFileSync(providers, JSON.stringify([{ ...thinker, api_key_env: 'THINKER_API_KEY' }]))
  app = await startInProcess({ fake, env: { PROVIDERS_FILE: providers, THINKER_API_KEY: createFakeKey('compat') } })
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
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

const warningsOf = (reply: Reply): string => reply.headers.get('x-uniroute-warnings') ?? ''

const UPSTREAMS: readonly { name: string; vendor: VendorKeys; model: string }[] = [
  { name: 'Anthropic, manual thinking', vendor: 'anthropic', model: 'claude-sonnet-4-5' },
  { name: 'Anthropic, adaptive', vendor: 'anthropic', model: 'claude-sonnet-5' },
  { name: 'Responses', vendor: 'openai', model: 'gpt-5' },
  { name: 'Gemini 3', vendor: 'google', model: 'gemini-3.5-flash' },
]

const WEATHER = { type: 'object', properties: { city: { type: 'string' } } }
const tools = [{ type: 'function', function: { name: 'get_weather', parameters: WEATHER } }]
const CHAT = '/v1/chat/completions'

/** A Chat message without any extra: what most clients keep. */
function keepBare(reply: Reply, streamed: boolean): Json {
  const deltas = streamed ? readEvents(reply.text).map((event) => event.choices?.[0]?.delta ?? {}) : []
  const message = streamed
    ? {
        content: deltas.map((delta) => delta.content ?? '').join(''),
        tool_calls: deltas
          .flatMap((delta) => delta.tool_calls ?? [])
          .reduce((calls: Json[], piece: Json) => {
            const call = (calls[piece.index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } })
            call.id += piece.id ?? ''
            call.function.name += piece.function?.name ?? ''
            call.function.arguments += piece.function?.arguments ?? ''
            return calls
          }, []),
      }
    : reply.body.choices[0].message
  const calls = (message.tool_calls ?? []).map(({ id, type, function: called }: Json) => ({
    id,
    type,
    function: called,
  }))
  return { role: 'assistant', content: message.content || null, ...(calls.length > 0 && { tool_calls: calls }) }
}

// A Chat request to OpenAI would be relayed.
const pathOf = (vendor: VendorKeys): 'chat' | 'messages' => (vendor === 'openai' ? 'messages' : 'chat')

describe.each(UPSTREAMS.filter(({ vendor }) => pathOf(vendor) === 'chat'))(
  'a Chat client that drops extras: $name',
  ({ model }) => {
    describe.each([false, true])('streamed: %s', (stream) => {
      test('a tool turn gets its state back', async () => {
        const body = {
          model,
          stream,
          reasoning_effort: 'high',
          tools,
          messages: [{ role: 'user', content: 'call the tool' }],
        }
        const first = await two.ask(CHAT, body)
        const [state] = two.last().issued
        const message = keepBare(first, stream)
        const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '42' }
        const next = await two.ask(CHAT, { ...body, messages: [...body.messages, message, result] })
        expect([next.status, warningsOf(next)]).toEqual([200, expect.not.stringContaining('reasoning')])
        expect(two.last().rawBody.toString()).toContain(state)
      })

      test('a turn of words alone gets its state back', async () => {
        const body = { model, stream, reasoning_effort: 'high', messages: [{ role: 'user', content: 'hello' }] }
        const first = await two.ask(CHAT, body)
        const [state] = two.last().issued
        expect(state).toBeDefined()
        const messages = [...body.messages, keepBare(first, stream), { role: 'user', content: 'and now?' }]
        const next = await two.ask(CHAT, { ...body, messages })
        expect([next.status, two.last().rawBody.toString().includes(state!)]).toEqual([200, true])
        const changed = [...body.messages, { role: 'assistant', content: 'I said something else.' }, messages[2]]
        await two.ask(CHAT, { ...body, messages: changed })
        expect(two.last().rawBody.toString()).not.toContain(state)
      })
    })
  },
)

describe.each(UPSTREAMS)('the account that made the state: $name', ({ vendor, model }) => {
  const client = pathOf(vendor)
  const path = client === 'chat' ? CHAT : '/v1/messages'
  const question = { role: 'user', content: 'hello' }
  const body =
    client === 'chat'
      ? { model, reasoning_effort: 'high', messages: [question] }
      : { model, max_tokens: 9000, thinking: { type: 'enabled', budget_tokens: 2048 }, messages: [question] }

  /** A first turn by the second key; the conversation after it, with all that the client was given or bare. */
  async function begin(keep: 'all' | 'bare'): Promise<{ state: string; next: Json }> {
    await two.turn(vendor, 0, false)
    const first = await two.ask(path, body)
    expect([first.status, two.last().key]).toEqual([200, two.keys[vendor][1]])
    const [state] = two.last().issued
    await two.turn(vendor, 0, true)
    const bare = client === 'chat' ? keepBare(first, false) : null
    const all = client === 'chat' ? first.body.choices[0].message : { role: 'assistant', content: first.body.content }
    const words = (first.body.content ?? []).filter(({ type }: Json) => type === 'text')
    const kept = keep === 'all' ? all : (bare ?? { role: 'assistant', content: words })
    return { state: state!, next: { ...body, messages: [question, kept, { role: 'user', content: 'and now?' }] } }
  }

  test.each(['all', 'bare'] as const)('is asked first, whether the client kept %s', async (keep) => {
    const { state, next } = await begin(keep)
    const reply = await two.ask(path, next)
    expect([reply.status, two.last().key]).toEqual([200, two.keys[vendor][1]])
    expect(two.last().rawBody.toString()).toContain(state)
    expect(two.last().rawBody.toString()).not.toContain('urs1.')
  })

  test.each(['all', 'bare'] as const)('cannot serve: another gets none of it (%s)', async (keep) => {
    const { state, next } = await begin(keep)
    await two.turn(vendor, 1, false)
    const reply = await two.ask(path, next)
    expect([reply.status, two.last().key]).toEqual([200, two.keys[vendor][0]])
    expect(warningsOf(reply)).toMatch(/dropped=(?:\w+,)*reasoning_state/)
    for (const text of [state, 'urs1.']) expect(two.last().rawBody.toString()).not.toContain(text)
    const strict = await two.ask(path, next, { 'x-uniroute-strict': 'true' })
    expect([strict.status, strict.text]).toEqual([400, expect.stringContaining('reasoning_state')])
  })

  test('somebody else who sends the same gets none of it', async () => {
    const { state, next } = await begin('all')
    const another = await createTwoAccounts(app, fake)
    const reply = await another.ask(path, next)
    expect([reply.status, another.last().rawBody.toString().includes(state)]).toEqual([200, false])
    expect(warningsOf(reply)).toContain('reasoning_state')
  })
})

test('a conversation that moved to another provider loses nothing that its client had not dropped', async () => {
  const asked = { reasoning_effort: 'high', tools, messages: [{ role: 'user', content: 'call the tool' }] }
  const first = await two.ask(CHAT, { ...asked, model: 'claude-sonnet-5' })
  const message = keepBare(first, false)
  const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '42' }
  const moved = { ...asked, model: 'gemini-3.5-flash', messages: [...asked.messages, message, result] }
  const reply = await two.ask(CHAT, moved, { 'x-uniroute-strict': 'true' })
  expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('42')])
})

describe('a tool loop against manual thinking', () => {
  const body = {
    model: 'claude-sonnet-4-5',
    reasoning_effort: 'high',
    tools,
    messages: [{ role: 'user', content: 'call the tool' }],
  }

  test('goes on without thinking where another account serves', async () => {
    await two.turn('anthropic', 0, false)
    const first = await two.ask(CHAT, body)
    await two.turn('anthropic', 0, true)
    await two.turn('anthropic', 1, false)
    const { message } = first.body.choices[0]
    const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '42' }
    const next = await two.ask(CHAT, { ...body, messages: [...body.messages, message, result] })
    expect([next.status, two.last().body.thinking]).toEqual([200, { type: 'disabled' }])
    expect(warningsOf(next)).toMatch(/dropped=(?:\w+,)*reasoning_state.*approx=(?:\w+,)*thinking/)
  })

  describe('with visible thoughts', () => {
    const visible = { ...body, include_reasoning: true }
    async function replay(change: (message: Json) => Json): Promise<Reply> {
      const first = await two.ask(CHAT, visible)
      const { message } = first.body.choices[0]
      expect(message.reasoning_content).toBe(THOUGHTS)
      const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '42' }
      const { reasoning_details: _dropped, ...kept } = message
      return two.ask(CHAT, { ...visible, messages: [...visible.messages, change(kept), result] })
    }

    test('the signature is put back beside the thoughts it was made for', async () => {
      const reply = await replay((message) => message)
      expect([reply.status, warningsOf(reply)]).toEqual([200, expect.not.stringContaining('reasoning_state')])
      const [thinking] = two.last().body.messages[1].content
      expect(thinking).toEqual({ type: 'thinking', thinking: THOUGHTS, signature: expect.stringMatching(/^EqQB/) })
      expect(two.last().body.thinking.type).toBe('enabled')
    })

    test.each([
      ['changed', 'The user wants nothing.'],
      ['dropped', undefined],
    ])('thoughts that were %s get none: the turn goes on without thinking', async (_how, thoughts) => {
      const reply = await replay(({ reasoning_content: _old, ...message }) => ({
        ...message,
        ...(thoughts !== undefined && { reasoning_content: thoughts }),
      }))
      expect([reply.status, two.last().body.thinking]).toEqual([200, { type: 'disabled' }])
      expect(two.last().body.messages[1].content[0].type).toBe('tool_use')
      expect(two.last().rawBody.toString()).not.toContain('nothing.')
    })
  })
})

describe('thoughts of a provider that signs none, at an Anthropic client', () => {
  const thinking = { type: 'enabled', budget_tokens: 2048 }
  const question = { role: 'user', content: 'call the tool' }
  const body = {
    model: 'thinker/deepseek-v4',
    max_tokens: 9000,
    thinking,
    tools: [{ name: 'get_weather', input_schema: WEATHER }],
    messages: [question],
  }

  async function think(stream: boolean): Promise<Json[]> {
    const reply = await two.ask('/v1/messages', { ...body, stream })
    if (!stream) return reply.body.content
    const blocks: Json[] = []
    for (const event of readEvents(reply.text)) {
      if (event.type === 'content_block_start') blocks[event.index] = { ...event.content_block }
      const { type, thinking: words, signature, partial_json: json } = event.delta ?? {}
      if (type === 'thinking_delta') blocks[event.index].thinking += words
      if (type === 'signature_delta') blocks[event.index].signature = signature
      if (type === 'input_json_delta') (blocks[event.index].json ??= []).push(json)
    }
    return blocks.map(({ json, ...block }) => (json ? { ...block, input: JSON.parse(json.join('')) } : block))
  }
  const goOn = (content: Json[]): Json[] => [
    question,
    { role: 'assistant', content },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: content.at(-1).id, content: '42' }] },
  ]

  test.each([false, true])('come in a block with an envelope in its signature (streamed: %s)', async (stream) => {
    const [block] = await think(stream)
    expect(block).toEqual({ type: 'thinking', thinking: THOUGHTS, signature: expect.stringMatching(/^urs1\./) })
  })

  test('go back to who thought them, though the client lost their words', async () => {
    const content = (await think(true)).map((block) => (block.type === 'thinking' ? { ...block, thinking: '' } : block))
    const reply = await two.ask('/v1/messages', { ...body, messages: goOn(content) })
    expect([reply.status, warningsOf(reply)]).toEqual([200, expect.not.stringContaining('reasoning_state')])
    expect(two.last().body.messages[1].reasoning_content).toBe(THOUGHTS)
    expect(two.last().rawBody.toString()).not.toContain('urs1.')
  })

  test('never reach Anthropic, where the same conversation goes on', async () => {
    const content = await think(true)
    const reply = await two.ask('/v1/messages', { ...body, model: 'claude-sonnet-4-5', messages: goOn(content) })
    expect([reply.status, two.last().body.messages[1].content.map(({ type }: Json) => type)]).toEqual([
      200,
      ['tool_use'],
    ])
    expect(two.last().body.thinking).toEqual({ type: 'disabled' })
    expect(warningsOf(reply)).toContain('dropped=reasoning_state')
  })
})

describe('an envelope in a conversation that goes on in its own dialect', () => {
  test('Chat: it is taken out, and every other byte stays', async () => {
    const body = { reasoning_effort: 'high', tools, messages: [{ role: 'user', content: 'call the tool' }] }
    const { body: first } = await two.ask(CHAT, { ...body, model: 'gemini-3.5-flash' })
    const { message } = first.choices[0]
    expect(JSON.stringify(message)).toContain('urs1.')
    const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '42' }
    const messages = [...body.messages, message, result]
    const reply = await two.ask(CHAT, { model: 'gpt-4o', tools, messages })
    expect([reply.status, warningsOf(reply)]).toEqual([200, 'dropped=reasoning_state'])
    const { reasoning_details: _details, tool_calls: calls, ...rest } = message
    const bare = calls.map(({ extra_content: _extra, ...call }: Json) => call)
    expect(two.last().rawBody.toString()).toBe(
      JSON.stringify({ model: 'gpt-4o', tools, messages: [body.messages[0], { ...rest, tool_calls: bare }, result] }),
    )
  })

  test('Responses: its item is taken out', async () => {
    const body = { store: false, reasoning: { effort: 'high' }, input: [{ role: 'user', content: 'hello' }] }
    const include = ['reasoning.encrypted_content']
    const { body: first } = await two.ask('/v1/responses', { ...body, include, model: 'claude-sonnet-5' })
    expect(JSON.stringify(first.output)).toContain('urs1.')
    const input = [...body.input, ...first.output, { role: 'user', content: 'and now?' }]
    const reply = await two.ask('/v1/responses', { ...body, input, model: 'gpt-5' })
    expect([reply.status, warningsOf(reply)]).toEqual([200, 'dropped=reasoning_state'])
    expect(two.last().body.input).toEqual(input.filter(({ type }: Json) => type !== 'reasoning'))
  })

  test('Gemini: the call of another provider keeps its place, with the stand-in', async () => {
    const config = {
      generationConfig: { thinkingConfig: { thinkingLevel: 'high' } },
      tools: [{ functionDeclarations: [{ name: 'get_weather', parametersJsonSchema: WEATHER }] }],
    }
    const asked = { role: 'user', parts: [{ text: 'call the tool' }] }
    const { body: first } = await two.ask('/v1beta/models/claude-sonnet-5:generateContent', {
      ...config,
      contents: [asked],
    })
    const { content } = first.candidates[0]
    const envelope = content.parts.map((part: Json) => part.thoughtSignature).find(Boolean)
    expect(Buffer.from(envelope, 'base64').toString()).toMatch(/^urs1\./)
    const { id, name } = content.parts.find((part: Json) => part.functionCall).functionCall
    const answer = { role: 'user', parts: [{ functionResponse: { id, name, response: { output: '42' } } }] }
    const contents = [asked, content, answer]
    const reply = await two.ask('/v1beta/models/gemini-3.5-flash:generateContent', { ...config, contents })
    expect([reply.status, warningsOf(reply)]).toEqual([200, 'dropped=reasoning_state'])
    expect(two.last().rawBody.toString()).not.toContain(envelope)
  })
})
