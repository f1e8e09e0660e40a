import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../../test/support/properties.ts'
import { UNKNOWN_USAGE, type ChatResponse, type Item, type StreamEvent } from '../canonical.ts'
import { CannotCross, createLossReport, type ResponseEncoding } from '../codec.ts'
import { eventsOf } from '../collect.ts'
import { reportForeignFields } from '../foreign.ts'
import type { ErrorView } from '../protocol.ts'
import { unirouteChatCodec } from './codec.ts'
import { unirouteChat } from './index.ts'

const decode = (body: Record<string, unknown>) =>
  unirouteChatCodec.decodeRequest(body, {
    model: 'gpt-4o',
    stream: false,
    openEnvelope: () => null,
    losses: createLossReport(),
  })

const HELLO = [{ role: 'user', content: 'hello' }]

describe('requests', () => {
  test('every field the first version knew has its place', () => {
    const body = {
      model: 'gpt-4o',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image_url', image_url: { url: 'https://example.com/cat.png', detail: 'low' } },
            { type: 'audio_url', audio_url: { url: 'data:audio/mpeg;base64,AAAA' } },
          ],
        },
        { role: 'assistant', content: 'A cat.' },
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Sure?' },
      ],
      temperature: 0.5,
      max_tokens: 100,
      web_search: true,
      google_search_grounding: true,
      conversation_id: 'c-1',
    }
    const url = 'https://example.com/cat.png'
    const sound = { from: 'data', mime: 'audio/mpeg', data: 'AAAA' } as const
    expect(decode(body)).toEqual({
      model: 'gpt-4o',
      stream: false,
      streamUsage: true,
      instructions: [{ role: 'system', text: 'Be brief.' }],
      items: [
        { kind: 'text', role: 'user', text: 'What is it?', turn: 1 },
        { kind: 'media', role: 'user', media: 'image', source: { from: 'url', url }, detail: 'low', turn: 1 },
        { kind: 'media', role: 'user', media: 'audio', source: sound, turn: 1 },
        { kind: 'text', role: 'assistant', text: 'A cat.', turn: 2 },
        { kind: 'text', role: 'system', text: 'Be kind.', turn: 3 },
        { kind: 'text', role: 'user', text: 'Sure?', turn: 4 },
      ],
      tools: [],
      builtins: [{ protocol: 'uniroute-chat', kind: 'web_search', name: 'web_search', raw: true }],
      sampling: { temperature: 0.5 },
      stop: [],
      maxOutput: 100,
      origin: 'uniroute-chat',
      echo: { conversation_id: 'c-1' },
      extensions: {},
    })
  })

  test.each([
    [{ google_search_grounding: true }, 1],
    [{ web_search: { enabled: true } }, 1],
    [{ web_search: false, google_search_grounding: false }, 0],
    [{ web_search: { enabled: false } }, 0],
    [{}, 0],
  ])('%j asks for %i searches of the web', (fields, count) => {
    expect(decode({ messages: HELLO, ...fields }).builtins).toHaveLength(count)
  })

  test.each([
    [{ tools: [], functions: [], stop: [] }],
    [{ stop: '', n: 1, tool_choice: 'auto', response_format: { type: 'text' } }],
    [{ response_format: null, tool_choice: 'none' }],
  ])('%j asks for nothing, and is read', (fields) => {
    expect(decode({ messages: HELLO, ...fields }).extensions).toEqual({})
  })

  test.each([
    [{ tools: [{}] }, 'tools', 'unsupported_parameter'],
    [{ response_format: { type: 'json_object' } }, 'response_format', 'unsupported_parameter'],
    [{ stop: 'x' }, 'stop', 'unsupported_parameter'],
    [{ n: 2 }, 'n', 'unsupported_parameter'],
    [{ messages: [] }, 'messages', 'bad_request'],
    [{ messages: 'hello' }, 'messages', 'bad_request'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages', 'bad_request'],
    [{ messages: [{ role: 'user', content: [{ type: 'video_url' }] }] }, 'messages', 'bad_request'],
  ])('%j is refused', (fields, path, code) => {
    expect(() => decode({ messages: HELLO, ...fields })).toThrow(
      expect.objectContaining({ name: 'CannotCross', path, code }),
    )
  })

  test('a field nobody knows is a loss wherever the request goes; what is handed back is none', () => {
    const losses = createLossReport()
    reportForeignFields(decode({ messages: HELLO, seed: 7, conversation_id: 'c', n: 1 }), 'openai-responses', losses)
    expect(losses.losses).toMatchObject([{ path: 'seed', action: 'dropped' }])
  })

  test('any JSON becomes a request or a refusal', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('messages', 'max_tokens', 'web_search', 'x'), fc.jsonValue()),
        (body) => {
          try {
            decode(body)
          } catch (error) {
            expect(error).toBeInstanceOf(CannotCross)
          }
        },
      ),
      RUNS,
    )
  })
})

const REQUEST = decode({ messages: HELLO, conversation_id: 'c-1' })

function encodingOf(fields: Partial<ResponseEncoding> = {}): ResponseEncoding {
  return {
    requestedModel: 'gpt-4o',
    requestId: 'req_01K0',
    created: 7,
    sealEnvelope: () => 'urs1.x',
    streamUsage: true,
    request: REQUEST,
    losses: createLossReport(),
    served: () => ({ provider: 'openai', costUsd: 0.001, latencyMs: 1200 }),
    ...fields,
  }
}

const RESPONSE: ChatResponse = {
  id: 'resp_1',
  model: 'gpt-4o-2024-08-06',
  created: 5,
  items: [
    { kind: 'text', role: 'assistant', text: 'Hel', turn: 0 },
    {
      kind: 'text',
      role: 'assistant',
      text: 'lo',
      turn: 0,
      citations: [
        { url: 'https://example.com', title: 'Example', start: 0, end: 2 },
        { url: 'https://example.com' },
        { quote: 'no page' },
      ],
    },
  ],
  finish: { unified: 'length', raw: 'max_tokens' },
  usage: { ...UNKNOWN_USAGE, input: 10, output: 5 },
  extensions: {},
}

const TAIL = {
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  citations: [{ url: 'https://example.com', title: 'Example' }],
  provider: 'openai',
  cost: 0.001,
  latency_ms: 1200,
  conversation_id: 'c-1',
}

function stream(events: Iterable<StreamEvent>, encoding = encodingOf()): Record<string, unknown>[] {
  const encoder = unirouteChatCodec.streamEncoder(encoding)
  const text = [...events].map((event) => encoder.push(event)).join('')
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n\n')
        .map((event) => JSON.parse(event.replace(/^data: /, '')))
}

describe('answers', () => {
  test('a whole answer says who served, at what cost, how fast, and hands the conversation back', () => {
    expect(unirouteChatCodec.encodeResponse(RESPONSE, encodingOf())).toEqual({
      id: 'chat_01K0',
      model: 'gpt-4o',
      created: 7,
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'length' }],
      ...TAIL,
    })
  })

  test('a stream says the same, text by text', () => {
    expect(stream(eventsOf(RESPONSE))).toEqual([
      { id: 'chat_01K0', content: 'Hel', done: false, provider: 'openai' },
      { id: 'chat_01K0', content: 'lo', done: false, provider: 'openai' },
      { id: 'chat_01K0', content: '', done: true, model: 'gpt-4o', finish_reason: 'length', ...TAIL },
    ])
  })

  test('the cost is read when the stream ends, for it is not known before', () => {
    let cost: number | null = null
    const encoding = encodingOf({ served: () => ({ provider: 'openai', costUsd: cost, latencyMs: 1 }) })
    const encoder = unirouteChatCodec.streamEncoder(encoding)
    const events = [...eventsOf(RESPONSE)]
    events.slice(0, -1).forEach((event) => encoder.push(event))
    cost = 0.25
    expect(encoder.push(events.at(-1)!)).toContain('"cost":0.25')
  })

  test('a stream that fails ends with an error, is never done, and gives no fabricated end', () => {
    const error: ErrorView = {
      code: 'upstream_error',
      status: 503,
      origin: 'upstream',
      message: 'OpenAI broke off.',
      retryAfter: undefined,
      requestId: 'req_01K0',
    }
    const encoder = unirouteChatCodec.streamEncoder(encodingOf())
    expect(encoder.fail(error)).toBe(
      'data: {"id":"chat_01K0","content":"","done":false,"error":"OpenAI broke off."}\n\n',
    )
    const [last] = stream([
      { type: 'error', error: { status: 502, signals: [], message: 'broke off', retryAfterMs: null } },
    ])
    expect(last).toEqual({ id: 'chat_01K0', content: '', done: false, error: 'broke off' })
    expect(unirouteChat.encodeError(error)).toEqual({ status: 503, body: '{"error":"OpenAI broke off."}' })
  })

  test('what it has no place for is a loss, in a whole answer as in a stream', () => {
    const items: Item[] = [
      { kind: 'reasoning', text: 'hm', turn: 0 },
      { kind: 'call', id: 'c', name: 'f', argsText: '{}', style: 'json', turn: 0 },
      { kind: 'opaque', protocol: 'gemini', role: 'assistant', raw: {}, turn: 0 },
      { kind: 'media', media: 'image', role: 'assistant', source: { from: 'url', url: 'x' }, turn: 0 },
    ]
    const paths = ['thoughts', 'tool_calls', 'provider_items', 'media']
    const whole = encodingOf()
    unirouteChatCodec.encodeResponse({ ...RESPONSE, items }, whole)
    expect(whole.losses.losses.map(({ path }) => path)).toEqual(paths)
    const streamed = encodingOf()
    stream(eventsOf({ ...RESPONSE, items }), streamed)
    expect(streamed.losses.losses.map(({ path }) => path)).toEqual(paths)
  })

  test('a stream tells the text of the whole answer, whatever it is', () => {
    const item = fc.record({ kind: fc.constantFrom('text', 'refusal'), text: fc.string({ unit: 'binary' }) })
    fc.assert(
      fc.property(fc.array(item), (parts) => {
        const items = parts.map((part) => ({ ...part, role: 'assistant', turn: 0 }) as Item)
        const response = { ...RESPONSE, items }
        const content = stream(eventsOf(response)).map((event) => event['content'])
        const whole = unirouteChatCodec.encodeResponse(response, encodingOf()) as {
          choices: [{ message: { content: string } }]
        }
        expect(content.join('')).toBe(whole.choices[0].message.content)
      }),
      RUNS,
    )
  })

  test('nobody may write to a provider with it', () => {
    expect(() => unirouteChatCodec.streamDecoder({} as never)).toThrow(/no provider side/)
  })
})
