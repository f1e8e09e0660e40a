// The golden tool turn and the regression cases of the protocol design that concern this dialect, each by its number.
import { describe, expect, test } from 'vitest'
import { UNKNOWN_USAGE, type ChatRequest, type Item, type Signature, type StreamEvent } from '../canonical.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { reportForeignFields } from '../foreign.ts'
import { createToolNames } from '../tool-names.ts'
import { decodeCountTokensRequest, encodeCountTokensRequest } from './count-tokens.ts'
import { fitSchema } from './schema.ts'
import {
  BUDGET_PROFILE,
  codec,
  decode,
  decodeStream,
  decodingOf,
  encode,
  encodeStream,
  encodingOf,
  hash8,
  lossNames,
  PROFILE,
  requestOf,
  responseEncodingOf,
  sealEnvelope,
  sse,
  wireEvents,
} from './testing.ts'

const PROTOCOL = 'anthropic-messages'
const user = (text: string): Item => ({ kind: 'text', role: 'user', turn: 0, text })
const assistant = (text: string): Item => ({ kind: 'text', role: 'assistant', turn: 1, text })
const call = (id: string, name = 'f', argsText = '{"x":1}'): Item => ({
  kind: 'call',
  turn: 1,
  id,
  name,
  argsText,
  style: 'json',
})
const result = (callId: string, text: string): Item => ({
  ...{ kind: 'result', turn: 2, callId, isError: false, style: 'json' },
  parts: [{ kind: 'text', text }],
})
const f = { kind: 'function', name: 'f', schema: { type: 'object', properties: { x: { type: 'number' } } } } as const

const START = {
  type: 'message_start',
  message: { id: 'msg_1', model: 'claude', usage: { input_tokens: 3, output_tokens: 1 } },
}
const opening = (index: number, content_block: object) => ({ type: 'content_block_start', index, content_block })
const delta = (index: number, delta: object) => ({ type: 'content_block_delta', index, delta })
const closing = (index: number) => ({ type: 'content_block_stop', index })
const ending = (stop_reason: string, usage: object = { output_tokens: 9 }, more: object = {}) => [
  { type: 'message_delta', delta: { stop_reason, stop_sequence: null, ...more }, usage },
  { type: 'message_stop' },
]
const toolUse = (id: string, input: object = {}) => ({ type: 'tool_use', id, name: 'f', input })

const answered = (parts: readonly Item[], unified: 'stop' | 'tool_calls' | 'length' = 'stop') => ({
  ...{ id: 'x', model: 'm', created: 0, usage: UNKNOWN_USAGE, extensions: {} },
  items: parts,
  finish: { unified, raw: '' },
})
const wireOf = (parts: readonly Item[], unified: 'stop' | 'tool_calls' | 'length' = 'stop') =>
  wireEvents(encodeStream(eventsOf(answered(parts, unified))))
const brief = (wire: readonly Record<string, any>[]) =>
  wire
    .filter(({ type }) => String(type).startsWith('content_block'))
    .map(
      ({ type, index, content_block: block }) => `${String(type).slice(14)} ${index}${block ? ` ${block.type}` : ''}`,
    )

describe('the golden tool turn', () => {
  const messages = [
    { role: 'user', content: 'go' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: { x: 1 } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: '42' }] },
  ]
  const items = [user('go'), call('c1'), result('c1', '42')]

  test('is read', () => {
    expect(decode({ messages }).items).toEqual(items)
  })

  test('is written', () => {
    expect(encode({ items }).body['messages']).toEqual(messages)
  })
})

describe('streams that are read', () => {
  test('case 1: two streamed tool_use are two calls in order', () => {
    const stream = sse(
      START,
      opening(0, toolUse('a')),
      delta(0, { type: 'input_json_delta', partial_json: '{"x":' }),
      delta(0, { type: 'input_json_delta', partial_json: '1}' }),
      closing(0),
      opening(1, toolUse('b')),
      delta(1, { type: 'input_json_delta', partial_json: '{"x":2}' }),
      closing(1),
      ...ending('tool_use'),
    )
    expect(collectEvents(decodeStream(stream)).items).toMatchObject([
      { kind: 'call', id: 'a', argsText: '{"x":1}' },
      { kind: 'call', id: 'b', argsText: '{"x":2}' },
    ])
  })

  test('case 15: thinking is reasoning, never text', () => {
    const stream = sse(
      START,
      opening(0, { type: 'thinking', thinking: '', signature: '' }),
      delta(0, { type: 'thinking_delta', thinking: 'hm' }),
      delta(0, { type: 'signature_delta', signature: 'sig' }),
      closing(0),
      ...ending('end_turn'),
    )
    expect(collectEvents(decodeStream(stream)).items).toEqual([
      {
        ...{ kind: 'reasoning', turn: 0, text: 'hm' },
        signature: { provider: 'anthropic', account: 'key-1', model: 'claude-opus-5', kind: 'signature', value: 'sig' },
      },
    ])
  })

  test('case 19: end_turn beside a call is tool_calls', () => {
    const { finish } = collectEvents(
      decodeStream(sse(START, opening(0, toolUse('a')), closing(0), ...ending('end_turn'))),
    )
    expect(finish).toEqual({ unified: 'tool_calls', raw: 'end_turn' })
  })

  test('case 20: max_tokens beside a call stays length', () => {
    const { finish } = collectEvents(
      decodeStream(sse(START, opening(0, toolUse('a')), closing(0), ...ending('max_tokens'))),
    )
    expect(finish.unified).toBe('length')
  })

  test.each([
    ['refusal', 'refusal', { type: 'refusal', category: 'cyber' }],
    ['pause_turn', 'pause', undefined],
    ['model_context_window_exceeded', 'context_window', undefined],
    ['compaction', 'pause', undefined],
    ['never_heard_of', 'stop', undefined],
  ])('case 21: %s is %s, in streams and whole', (raw, unified, details) => {
    const said = { unified, raw, ...(details ? { details } : {}) }
    const streamed = collectEvents(decodeStream(sse(START, ...ending(raw, {}, { stop_details: details ?? null }))))
    expect(streamed.finish).toEqual(said)
    const body = { content: [], stop_reason: raw, stop_details: details }
    expect(codec.decodeResponse(body, decodingOf()).finish).toEqual(said)
  })

  test('case 23: input 10, written 20, read 30 make an input of 60 with 30 cached, and come apart again', () => {
    const usage = { input_tokens: 10, cache_creation_input_tokens: 20, cache_read_input_tokens: 30, output_tokens: 5 }
    const response = codec.decodeResponse({ content: [], stop_reason: 'end_turn', usage }, decodingOf())
    expect(response.usage).toMatchObject({ input: 60, cacheRead: 30, cacheWrite: 20, output: 5 })
    expect(codec.encodeResponse(response, responseEncodingOf())['usage']).toMatchObject(usage)
  })

  const cached = { cache_creation_input_tokens: 20, cache_read_input_tokens: 30 }
  test.each([
    ['the start', { input_tokens: 10, ...cached }, {}],
    ['the end', { input_tokens: 10 }, cached],
    ['both', { input_tokens: 10, ...cached }, { input_tokens: 10, ...cached }],
  ])('case 24: cache tokens in %s are counted once', (_where, first, last) => {
    const start = { type: 'message_start', message: { usage: { ...first, output_tokens: 1 } } }
    const { usage } = collectEvents(decodeStream(sse(start, ...ending('end_turn', { output_tokens: 9, ...last }))))
    expect(usage).toMatchObject({ input: 60, cacheRead: 30, cacheWrite: 20, output: 9 })
  })

  test('case 26: a no-argument tool with zero deltas gives {} exactly once', () => {
    const events = decodeStream(sse(START, opening(0, toolUse('a')), closing(0), ...ending('tool_use')))
    const deltas = events.filter((event) => event.type === 'part-delta')
    expect(deltas).toEqual([{ type: 'part-delta', index: 0, delta: { kind: 'args', text: '{}' } }])
  })

  test('case 26: an empty delta is none', () => {
    const empty = delta(0, { type: 'input_json_delta', partial_json: '' })
    const events = decodeStream(sse(START, opening(0, toolUse('a')), empty, closing(0), ...ending('tool_use')))
    expect(collectEvents(events).items).toMatchObject([{ argsText: '{}' }])
  })

  test('case 27: full input in content_block_start without deltas is kept', () => {
    const events = decodeStream(sse(START, opening(0, toolUse('a', { x: 1 })), closing(0), ...ending('tool_use')))
    expect(collectEvents(events).items).toMatchObject([{ argsText: '{"x":1}' }])
  })

  test('a block without its stop is closed at the end', () => {
    const events = decodeStream(sse(START, opening(0, toolUse('a', { x: 1 })), ...ending('tool_use')))
    expect(collectEvents(events).items).toMatchObject([{ argsText: '{"x":1}' }])
  })

  test('case 34: a silent end is an error, never a finish', () => {
    const events = decodeStream(
      sse(START, opening(0, { type: 'text', text: 'hi' }), closing(0), ending('end_turn')[0]!),
    )
    expect(events.at(-1)).toMatchObject({ type: 'error', error: { status: 502 } })
    expect(events.some(({ type }) => type === 'finish')).toBe(false)
  })

  test('case 35: a first event that is an error is one, and nothing behind it counts', () => {
    const error = { type: 'error', error: { type: 'rate_limit_error', message: 'slow' } }
    expect(decodeStream(sse(error, START, ...ending('end_turn')))).toEqual([
      { type: 'error', error: { status: 429, signals: ['rate_limit_error'], message: 'slow', retryAfterMs: null } },
    ])
  })

  test('case 35: a second message_start is passed over', () => {
    const events = decodeStream(sse(START, START, ...ending('end_turn')))
    expect(events.filter(({ type }) => type === 'response-start')).toHaveLength(1)
  })

  test('case 36: overloaded_error is 529', () => {
    const [event] = decodeStream(sse({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }))
    expect(event).toMatchObject({ type: 'error', error: { status: 529, signals: ['overloaded_error'] } })
  })

  test('unknown events and blocks are no end: events are ignored, blocks kept for their own dialect', () => {
    const odd = { type: 'shiny', x: 1 }
    const stream = sse(
      START,
      { type: 'codex.odd' },
      { type: 'ping' },
      opening(0, odd),
      closing(0),
      ...ending('end_turn'),
    )
    expect(collectEvents(decodeStream(stream)).items).toEqual([
      { kind: 'opaque', turn: 0, protocol: PROTOCOL, role: 'assistant', raw: odd },
    ])
  })
})

describe('streams that are written', () => {
  const thought: Item = { kind: 'reasoning', turn: 0, text: 'hm' }
  const text: Item = { kind: 'text', role: 'assistant', turn: 0, text: 'hi' }

  test('every event has its line, usage is numbers from the start and cumulative at the end', () => {
    const usage = { ...UNKNOWN_USAGE, input: 10, output: 5 }
    const wire = wireEvents(encodeStream(eventsOf({ ...answered([text]), usage })))
    expect(wire.map(({ type }) => type)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(wire[0]).toMatchObject({
      message: {
        id: 'msg_01J',
        model: 'asked-for',
        role: 'assistant',
        content: [],
        usage: { input_tokens: 0, output_tokens: 0 },
      },
    })
    expect(wire[4]).toMatchObject({ delta: { stop_reason: 'end_turn' }, usage: { input_tokens: 10, output_tokens: 5 } })
  })

  test('case 6: text, thinking, text are blocks 0, 1, 2, each closed', () => {
    expect(brief(wireOf([text, thought, text]))).toEqual([
      ...['start 0 text', 'delta 0', 'stop 0'],
      ...['start 1 thinking', 'delta 1', 'stop 1'],
      ...['start 2 text', 'delta 2', 'stop 2'],
    ])
  })

  test('case 7: thinking, then a call without text: block 0 stopped, the call at 1', () => {
    expect(brief(wireOf([thought, call('c')], 'tool_calls'))).toEqual([
      ...['start 0 thinking', 'delta 0', 'stop 0'],
      ...['start 1 tool_use', 'delta 1', 'stop 1'],
    ])
  })

  test('case 8: reason, call, reason opens a third block', () => {
    expect(brief(wireOf([thought, call('c'), thought])).filter((line) => line.startsWith('start'))).toEqual([
      'start 0 thinking',
      'start 1 tool_use',
      'start 2 thinking',
    ])
  })

  test('case 9: a turn of calls alone has no empty text block', () => {
    expect(brief(wireOf([{ ...text, text: '' }, call('c')], 'tool_calls'))).toEqual([
      'start 0 tool_use',
      'delta 0',
      'stop 0',
    ])
  })

  test('case 19 and 20: a call makes tool_use of an end, not of a length', () => {
    expect(wireOf([call('c')], 'stop').at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } })
    expect(wireOf([call('c')], 'length').at(-2)).toMatchObject({ delta: { stop_reason: 'max_tokens' } })
  })

  test('case 26: a call without arguments is an empty object', () => {
    const wire = wireOf([call('c', 'f', '')], 'tool_calls')
    expect(wire.filter(({ type }) => type === 'content_block_delta')).toEqual([
      delta(0, { type: 'input_json_delta', partial_json: '{}' }),
    ])
  })

  test('a stop sequence nobody named is a plain end', () => {
    const finish = { unified: 'stop_sequence', raw: 'stop' } as const
    expect(codec.encodeResponse({ ...answered([text]), finish }, responseEncodingOf())['stop_reason']).toBe('end_turn')
    const named = { ...answered([text]), finish: { ...finish, sequence: 'END' } }
    expect(codec.encodeResponse(named, responseEncodingOf())).toMatchObject({
      stop_reason: 'stop_sequence',
      stop_sequence: 'END',
    })
  })

  test('a refusal is text that stopped as one', () => {
    const refused = answered([{ kind: 'refusal', turn: 0, text: 'No.' }])
    expect(codec.encodeResponse(refused, responseEncodingOf())).toMatchObject({
      content: [{ type: 'text', text: 'No.' }],
      stop_reason: 'refusal',
    })
  })

  test('a malformed answer is an error and no ending', () => {
    const wire = wireEvents(encodeStream(eventsOf({ ...answered([]), finish: { unified: 'malformed', raw: '' } })))
    expect(wire.map(({ type }) => type)).toEqual(['message_start', 'error'])
  })

  test('a failure is one error event', () => {
    const encoder = codec.streamEncoder(responseEncodingOf())
    encoder.push({ type: 'response-start', id: 'x', model: 'm', created: 0 })
    const error = {
      code: 'overloaded',
      status: 503,
      origin: 'upstream',
      message: 'Busy',
      retryAfter: 1,
      requestId: 'req_1',
    } as const
    expect(wireEvents(encoder.fail(error))).toMatchObject([
      { type: 'error', error: { type: 'overloaded_error', message: 'Busy' } },
    ])
    expect(encoder.push({ type: 'finish', finish: { unified: 'stop', raw: '' } })).toBe('')
  })

  test('citations of any dialect become web search locations', () => {
    const citations = [{ url: 'https://a', title: 'A', start: 0, end: 2 }, { quote: 'no address' }]
    const losses = createLossReport()
    const body = codec.encodeResponse(answered([{ ...text, citations }]), responseEncodingOf(losses))
    expect(body['content']).toEqual([
      {
        ...{ type: 'text', text: 'hi' },
        citations: [
          { type: 'web_search_result_location', url: 'https://a', title: 'A', cited_text: 'hi', encrypted_index: '' },
        ],
      },
    ])
    expect(lossNames(losses)).toEqual(['dropped=citations'])
  })

  test('what another provider ran and media are left out and reported', () => {
    const losses = createLossReport()
    const items: Item[] = [
      { kind: 'opaque', protocol: 'gemini', role: 'assistant', turn: 0, raw: {} },
      {
        kind: 'media',
        media: 'image',
        role: 'assistant',
        turn: 0,
        source: { from: 'data', mime: 'image/png', data: '' },
      },
    ]
    expect(codec.encodeResponse(answered(items), responseEncodingOf(losses))['content']).toEqual([])
    expect(lossNames(losses)).toEqual(['dropped=builtin_items', 'dropped=image'])
  })
})

describe('conversations', () => {
  test('case 10: an assistant turn of "" and calls has only tool_use', () => {
    const { body } = encode({ items: [user('go'), assistant(''), call('c1'), result('c1', '42')] })
    expect((body['messages'] as any[])[1].content).toEqual([{ type: 'tool_use', id: 'c1', name: 'f', input: { x: 1 } }])
  })

  test('case 11: breakpoints on system, text and tool stand in the body', () => {
    const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }
    const { body } = encode({
      instructions: [{ role: 'system', text: 'Be brief.', cache: { ttl: '1h' } }],
      items: [{ ...user('go'), cache: { ttl: '1h' } }],
      tools: [{ ...f, cache: { ttl: '12h' } }],
    })
    expect(body).toMatchObject({
      system: [{ text: 'Be brief.', ...mark }],
      messages: [{ content: [{ text: 'go', ...mark }] }],
      tools: [{ name: 'f', ...mark }],
    })
  })

  test('case 12: a breakpoint on a result stands on it, not inside', () => {
    const { body } = encode({ items: [user('go'), call('c1'), { ...result('c1', '42'), cache: {} }] })
    expect((body['messages'] as any[])[2].content).toEqual([
      { type: 'tool_result', tool_use_id: 'c1', content: '42', cache_control: { type: 'ephemeral' } },
    ])
    const nested = [{ type: 'text', text: '42', cache_control: { type: 'ephemeral' } }]
    const content = [{ type: 'tool_result', tool_use_id: 'c1', content: nested }]
    expect(decode({ messages: [{ role: 'user', content }] }).items).toMatchObject([{ kind: 'result', cache: {} }])
  })

  test('of more than four breakpoints the first and the last three stay', () => {
    const items = ['a', 'b', 'c', 'd', 'e', 'f'].map((text): Item => ({ ...user(text), cache: {} }))
    const { body, losses } = encode({ items })
    const [message] = body['messages'] as any[]
    expect(message.content.map((block: object) => 'cache_control' in block)).toEqual([
      true,
      false,
      false,
      true,
      true,
      true,
    ])
    expect(losses).toEqual(['dropped=cache_control'])
  })

  test('case 13: empty thinking with its signature is forwarded, not stripped', () => {
    const content = [
      { type: 'thinking', thinking: '', signature: 'sig' },
      { type: 'text', text: 'hi' },
    ]
    const messages = [
      { role: 'user', content: 'go' },
      { role: 'assistant', content },
      { role: 'user', content: 'on' },
    ]
    const { body } = encode({ items: decode({ messages }).items })
    expect(body['messages']).toEqual(messages)
  })

  const own: Signature = { provider: 'anthropic', account: 'key-1', model: 'm', kind: 'signature', value: 'sig' }
  const thought: Item = { kind: 'reasoning', turn: 1, text: '', signature: own }

  test('case 14: two tool rounds are replayed with their signed thinking first', () => {
    const items = [user('go'), thought, call('a'), result('a', '1'), thought, call('b'), result('b', '2')]
    const { body } = encode({ items, reasoning: { budget: 2000 } }, { profile: BUDGET_PROFILE })
    const turns = (body['messages'] as any[]).filter(({ role }) => role === 'assistant')
    expect(turns.map(({ content }) => content.map(({ type }: any) => type))).toEqual([
      ['thinking', 'tool_use'],
      ['thinking', 'tool_use'],
    ])
    expect(body['thinking']).toMatchObject({ type: 'enabled' })
  })

  test.each([
    ['another account', { ...own, account: 'key-2' }],
    ['another provider', { ...own, provider: 'google', kind: 'thought' as const }],
    ['a native value of OpenAI', { ...own, provider: '', account: '', kind: 'encrypted' as const }],
  ])('case 46: state of %s is left out, the call stays, thinking goes off in the tool loop', (_who, signature) => {
    const items = [user('go'), { ...thought, signature }, { ...call('a'), signature }, result('a', '1')]
    const { body, losses } = encode({ items, reasoning: { budget: 2000 } }, { profile: BUDGET_PROFILE })
    expect((body['messages'] as any[])[1].content).toMatchObject([{ type: 'tool_use', id: 'a' }])
    expect(JSON.stringify(body)).not.toContain('sig')
    expect(body['thinking']).toEqual({ type: 'disabled' })
    expect(losses).toEqual(['dropped=reasoning_state', 'approx=reasoning'])
  })

  test('case 46: an envelope that does not open never goes upstream', () => {
    const losses = createLossReport()
    const content = [
      { type: 'thinking', thinking: 'hm', signature: 'urs1.sealed-elsewhere' },
      { type: 'text', text: 'hi' },
    ]
    const { items } = decode({ messages: [{ role: 'assistant', content }] }, losses)
    expect(JSON.stringify(encode({ items }).body)).not.toMatch(/urs1|hm/)
    expect(lossNames(losses)).toEqual(['dropped=reasoning_state'])
  })

  test('the state of a call travels in an empty thinking block in front of it, and back onto it', () => {
    const state: Signature = { provider: 'google', account: 'k', model: 'gemini-3', kind: 'thought', value: 'T' }
    const answer = answered([{ ...call('c1'), signature: state }], 'tool_calls')
    const { content } = codec.encodeResponse(answer, responseEncodingOf()) as { content: any[] }
    expect(content.map(({ type }) => type)).toEqual(['thinking', 'tool_use'])
    expect(content[0].thinking).toBe('')
    expect(decode({ messages: [{ role: 'assistant', content }] }).items).toEqual([
      { ...call('c1'), turn: 0, signature: state },
    ])
    const wire = wireEvents(encodeStream(eventsOf(answer)))
    expect(brief(wire)).toEqual(['start 0 thinking', 'delta 0', 'stop 0', 'start 1 tool_use', 'delta 1', 'stop 1'])
  })

  test('sealed reasoning of any dialect stands in the signature', () => {
    const state: Signature = {
      provider: 'openai',
      account: 'k',
      model: 'gpt',
      kind: 'encrypted',
      value: 'E',
      id: 'rs_1',
    }
    const answer = answered([{ kind: 'reasoning', turn: 0, text: 'sum', summary: true, signature: state }])
    expect(codec.encodeResponse(answer, responseEncodingOf())['content']).toEqual([
      { type: 'thinking', thinking: 'sum', signature: sealEnvelope(state) },
    ])
  })

  test('case 28: an image in a tool_result is read as one, and written as one', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }
    const content = [{ type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: 'see' }, image] }]
    const { items } = decode({ messages: [{ role: 'user', content }] })
    const source = { from: 'data', mime: 'image/png', data: 'AAAA' }
    expect(items).toMatchObject([
      {
        parts: [
          { kind: 'text', text: 'see' },
          { kind: 'media', media: 'image', source },
        ],
      },
    ])
    expect(encode({ items }).body['messages']).toEqual([{ role: 'user', content }])
  })

  test('case 29: results in another order, one missing: as many as calls, in their order', () => {
    const items = [user('go'), call('a'), call('b'), call('c'), result('c', '3'), user('and?'), result('a', '1')]
    const { body, losses } = encode({ items })
    const [, , turn] = body['messages'] as any[]
    expect(turn.content.map(({ tool_use_id: id, is_error: failed, type }: any) => [type, id, failed])).toEqual([
      ['tool_result', 'a', undefined],
      ['tool_result', 'b', true],
      ['tool_result', 'c', undefined],
      ['text', undefined, undefined],
    ])
    expect(losses).toEqual(['approx=tool_result'])
  })

  test('case 40: ids of other dialects fit, the same for call and result', () => {
    const items = [user('go'), call('functions.f:0'), result('functions.f:0', '1')]
    const [, turn, answer] = encode({ items }).body['messages'] as any[]
    expect(turn.content[0].id).toBe(`functions_f_0_${hash8('functions.f:0')}`)
    expect(answer.content[0].tool_use_id).toBe(turn.content[0].id)
  })

  const rule = (role: 'system' | 'developer'): Item => ({ kind: 'text', role, turn: 2, text: 'Be kind.' })
  test('a rule in mid-thread stands where it may, on models that know it', () => {
    const items = [user('go'), rule('developer'), assistant('ok'), user('on')]
    const { body, losses } = encode({ items })
    expect((body['messages'] as any[])[1]).toEqual({ role: 'system', content: 'Be kind.' })
    expect(losses).toEqual([])
  })

  test.each([
    ['before a user turn', [user('go'), assistant('ok'), rule('system'), user('on')], PROFILE],
    ['on a model that knows none', [user('go'), rule('system')], BUDGET_PROFILE],
  ])('%s a rule is a reminder from the user', (_where, items, profile) => {
    const { body, losses } = encode({ items }, { profile })
    const text = JSON.stringify((body['messages'] as any[]).at(-1))
    expect(text).toContain('<system-reminder>\\nBe kind.\\n</system-reminder>')
    expect(losses).toEqual(['approx=system_message'])
  })

  test('rules in front are instructions', () => {
    expect(encode({ items: [rule('developer'), user('go')] }).body).toMatchObject({ system: 'Be kind.' })
  })

  test('the billing header goes to Anthropic in its place, and nowhere else, without a word', () => {
    const billing = 'x-anthropic-billing-header: cc_version=2.1.330'
    const system = [
      { type: 'text', text: billing },
      { type: 'text', text: 'You are Claude Code.' },
    ]
    const request = decode({ system, messages: [{ role: 'user', content: 'hi' }] })
    expect(request.instructions).toEqual([{ role: 'system', text: 'You are Claude Code.' }])
    expect(encode(request).body['system']).toEqual(system)
    const losses = createLossReport()
    reportForeignFields(request, 'openai-chat', losses)
    expect(lossNames(losses)).toEqual([])
  })

  test('documents of every kind come back as they were', () => {
    const content = [
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }, title: 'A' },
      {
        type: 'document',
        source: { type: 'url', url: 'https://a/b.pdf' },
        context: 'why',
        citations: { enabled: true },
      },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüße' } },
      { type: 'document', source: { type: 'file', file_id: 'file_1' } },
      {
        type: 'document',
        source: {
          type: 'content',
          content: [
            { type: 'text', text: 'one' },
            { type: 'image', source: { type: 'url', url: 'https://a/c.png' } },
          ],
        },
      },
      { type: 'search_result', title: 'T', source: 'https://s', content: [{ type: 'text', text: 'found' }] },
      { type: 'container_upload', file_id: 'file_2' },
    ]
    const request = decode({ messages: [{ role: 'user', content }] })
    expect(encode(request).body['messages']).toEqual([{ role: 'user', content }])
    expect(request.items.map((item) => (item.kind === 'media' ? item.media : item.kind))).toEqual([
      ...['pdf', 'pdf', 'file', 'pdf', 'image', 'file', 'text', 'opaque'],
    ])
  })
})

describe('tools', () => {
  test('case 31: a freeform tool is a function of one text, and its call is unwrapped', () => {
    const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: "x"' }
    const { body, toolNames } = encode({
      tools: [{ kind: 'freeform', name: 'apply_patch', description: 'Edits.', grammar }],
    })
    expect(body['tools']).toMatchObject([
      {
        name: 'apply_patch',
        description: 'Edits.\n\nThe input must follow this lark grammar:\nstart: "x"',
        input_schema: { properties: { input: { type: 'string' } } },
      },
    ])
    const start = opening(0, { type: 'tool_use', id: 'a', name: 'apply_patch', input: {} })
    const piece = (partial_json: string) => delta(0, { type: 'input_json_delta', partial_json })
    const stream = sse(START, start, piece('{"input":"*** Be'), piece('gin\\n"}'), closing(0), ...ending('tool_use'))
    expect(collectEvents(decodeStream(stream, decodingOf(toolNames))).items).toMatchObject([
      { kind: 'call', name: 'apply_patch', style: 'freeform', argsText: '*** Begin\n' },
    ])
    const items: Item[] = [
      user('go'),
      { kind: 'call', turn: 1, id: 'a', name: 'apply_patch', argsText: 'raw', style: 'freeform' },
    ]
    expect((encode({ items }).body['messages'] as any[])[1].content[0].input).toEqual({ input: 'raw' })
  })

  test('case 32: a namespace is flattened and comes back on the call', () => {
    const { body, toolNames } = encode({
      tools: [{ ...f, namespace: 'ns' }],
      toolChoice: { mode: 'named', name: 'f', namespace: 'ns' },
    })
    expect(body).toMatchObject({ tools: [{ name: 'ns__f' }], tool_choice: { type: 'tool', name: 'ns__f' } })
    const block = { type: 'tool_use', id: 'a', name: 'ns__f', input: {} }
    const { items } = codec.decodeResponse({ content: [block], stop_reason: 'tool_use' }, decodingOf(toolNames))
    expect(items).toMatchObject([{ kind: 'call', name: 'f', namespace: 'ns' }])
  })

  test('case 38: forced choice goes without thinking, at effort high at most', () => {
    const forced = { tools: [f], toolChoice: { mode: 'required' } } as const
    const { body, losses } = encode({ ...forced, reasoning: { effort: 'max' } })
    expect(body).toMatchObject({
      tool_choice: { type: 'any' },
      thinking: { type: 'disabled' },
      output_config: { effort: 'high' },
    })
    expect(losses).toEqual(['approx=reasoning'])
    const manual = encode({ ...forced, reasoning: { budget: 2000 } }, { profile: BUDGET_PROFILE })
    expect(manual.body['thinking']).toEqual({ type: 'disabled' })
    const always = encode(
      { ...forced, reasoning: { effort: 'max' } },
      { profile: { ...PROFILE, canDisableThinking: false } },
    )
    expect(always.body).toMatchObject({ tool_choice: { type: 'any' }, thinking: { type: 'adaptive' } })
  })

  test('case 38: none with parallel off, and parallel off alone, are valid', () => {
    expect(encode({ tools: [f], toolChoice: { mode: 'none' }, parallel: false }).body['tool_choice']).toEqual({
      type: 'none',
    })
    expect(encode({ tools: [f], parallel: false }).body['tool_choice']).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true,
    })
    expect(encode({ parallel: false }).body).not.toHaveProperty('tool_choice')
  })

  test('allowed tools are the list', () => {
    const g = { ...f, name: 'g' }
    const { body } = encode({ tools: [f, g], toolChoice: { mode: 'allowed', names: ['g'], required: true } })
    expect(body).toMatchObject({ tools: [{ name: 'g' }], tool_choice: { type: 'any' } })
  })

  test('case 45: a foreign built-in beside a function is dropped, alone or forced refused', () => {
    const builtins = [{ protocol: 'openai-responses', kind: 'other', name: 'image_generation', raw: {} }] as const
    expect(encode({ tools: [f], builtins }).losses).toEqual(['dropped=image_generation'])
    expect(() => encode({ builtins })).toThrow(CannotCross)
    expect(() => encode({ tools: [f], builtins, toolChoice: { mode: 'named', name: 'image_generation' } })).toThrow(
      CannotCross,
    )
  })

  test('web search of another dialect is web search', () => {
    const raw = {
      type: 'web_search',
      filters: { allowed_domains: ['a.com'] },
      user_location: { type: 'approximate', city: 'Ulm' },
    }
    const { body } = encode({
      builtins: [{ protocol: 'openai-responses', kind: 'web_search', name: 'web_search', raw }],
    })
    expect(body['tools']).toEqual([
      {
        ...{ type: 'web_search_20250305', name: 'web_search', allowed_domains: ['a.com'] },
        user_location: { type: 'approximate', city: 'Ulm' },
      },
    ])
  })

  test('deferred tools, callers and server tools come back as they were', () => {
    const tools = [
      { name: 'f', input_schema: { type: 'object' }, defer_loading: true, input_examples: [{ x: 1 }] },
      { type: 'tool_search_tool_bm25_20251119', name: 'tool_search' },
      { type: 'mcp_toolset', mcp_server_name: 'm' },
    ]
    const messages = [
      { role: 'user', content: 'go' },
      {
        role: 'assistant',
        content: [
          { type: 'server_tool_use', id: 's', name: 'tool_search', input: {} },
          {
            type: 'tool_search_tool_result',
            tool_use_id: 's',
            content: { type: 'tool_search_tool_search_result', tool_references: [] },
          },
          {
            type: 'tool_use',
            id: 't',
            name: 'f',
            input: {},
            caller: { type: 'code_execution_20250825', tool_id: 's' },
          },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'tool_reference', tool_name: 'f' }] }],
      },
    ]
    const more = { mcp_servers: [{ name: 'm' }], container: 'c', context_management: { edits: [] }, speed: 'fast' }
    const request = decode({ tools, messages, max_tokens: 5, ...more })
    expect(encode(request).body).toEqual({ model: 'claude-opus-5', max_tokens: 5, tools, messages, ...more })
  })

  test('case 37: context_management is lost elsewhere, mcp_servers and container are refused', () => {
    const messages = [{ role: 'user', content: 'hi' }]
    const losses = createLossReport()
    reportForeignFields(decode({ messages, context_management: {}, speed: 'fast' }), 'gemini', losses)
    expect(lossNames(losses)).toEqual(['dropped=context_management', 'dropped=speed'])
    for (const field of ['mcp_servers', 'container']) {
      expect(() => reportForeignFields(decode({ messages, [field]: ['x'] }), 'gemini', losses)).toThrow(CannotCross)
    }
  })
})

describe('schemas', () => {
  test('keywords the provider does not know are said in words, oneOf is anyOf, objects are closed', () => {
    const schema = {
      $schema: 'x',
      type: 'object',
      properties: {
        minimum: { type: 'number', description: 'A number', minimum: 1, maximum: 9 },
        s: { oneOf: [{ type: 'string', pattern: '^a' }, { type: 'null' }] },
        l: { type: 'array', items: { $ref: '#/$defs/o' }, minItems: 1, maxItems: 3 },
        d: { type: 'string', format: 'date' },
      },
      $defs: { o: { type: 'object', properties: {} } },
      required: ['s'],
    }
    expect(fitSchema(schema)).toEqual({
      changed: true,
      schema: {
        type: 'object',
        properties: {
          minimum: { type: 'number', description: 'A number\n\n{minimum: 1, maximum: 9}' },
          s: { anyOf: [{ type: 'string', description: '{pattern: "^a"}' }, { type: 'null' }] },
          l: { type: 'array', items: { $ref: '#/$defs/o' }, minItems: 1, description: '{maxItems: 3}' },
          d: { type: 'string', format: 'date' },
        },
        $defs: { o: { type: 'object', properties: {}, additionalProperties: false } },
        required: ['s'],
        additionalProperties: false,
      },
    })
  })

  const format = { kind: 'json_schema', schema: { type: 'object', properties: { x: { type: 'number' } } } } as const
  const FORCED = { ...BUDGET_PROFILE, schema: 'forced-tool' } as const

  test('a model without schemas is forced to call a tool, whose arguments are the text', () => {
    const { body, toolNames } = encode({ format }, { profile: FORCED })
    expect(body).toMatchObject({
      tools: [{ name: 'json', input_schema: format.schema }],
      tool_choice: { type: 'tool', name: 'json', disable_parallel_tool_use: true },
    })
    const block = { type: 'tool_use', id: 'a', name: 'json', input: {} }
    const piece = (partial_json: string) => delta(0, { type: 'input_json_delta', partial_json })
    const stream = sse(START, opening(0, block), piece('{"x":'), piece('1}'), closing(0), ...ending('tool_use'))
    const streamed = collectEvents(decodeStream(stream, decodingOf(toolNames)))
    expect(streamed).toMatchObject({ items: [{ kind: 'text', text: '{"x":1}' }], finish: { unified: 'stop' } })
    const whole = { content: [{ ...block, input: { x: 1 } }], stop_reason: 'tool_use' }
    expect(codec.decodeResponse(whole, decodingOf(toolNames)).items).toEqual(streamed.items)
  })

  test('beside functions any of them may be called', () => {
    const { body, toolNames } = encode({ format, tools: [f, { ...f, name: 'json' }] }, { profile: FORCED })
    const name = `json_${hash8('json')}`
    expect(body).toMatchObject({ tools: [{ name: 'f' }, { name: 'json' }, { name }], tool_choice: { type: 'any' } })
    expect(toolNames.get(name)).toMatchObject({ asText: true })
    expect(createToolNames([f], hash8).known.get('f')).not.toHaveProperty('asText')
  })
})

describe('how much to think', () => {
  test.each<[ChatRequest['reasoning'], typeof PROFILE, unknown, unknown]>([
    [{ effort: 'none' }, PROFILE, { type: 'disabled' }, undefined],
    [{ effort: 'minimal' }, PROFILE, { type: 'adaptive', display: 'omitted' }, 'low'],
    [{ effort: 'xhigh', visible: true }, PROFILE, { type: 'adaptive', display: 'summarized' }, 'xhigh'],
    [
      { effort: 'xhigh' },
      { ...PROFILE, efforts: ['low', 'medium', 'high', 'max'] },
      { type: 'adaptive', display: 'omitted' },
      'max',
    ],
    [{ budget: 16_384 }, PROFILE, { type: 'adaptive', display: 'omitted' }, 'medium'],
    [{ budget: -1, visible: true }, PROFILE, { type: 'adaptive', display: 'summarized' }, undefined],
    [{ effort: 'medium' }, BUDGET_PROFILE, { type: 'enabled', budget_tokens: 19_200, display: 'omitted' }, undefined],
    [
      { effort: 'minimal', visible: true },
      { ...BUDGET_PROFILE, maxOutput: 8192 },
      { type: 'enabled', budget_tokens: 1024 },
      undefined,
    ],
    [{ visible: false }, PROFILE, undefined, undefined],
    [{ effort: 'none' }, { ...PROFILE, canDisableThinking: false }, { type: 'adaptive', display: 'omitted' }, 'low'],
  ])('%j', (reasoning, profile, thinking, effort) => {
    const { body } = encode({ ...(reasoning ? { reasoning } : {}) }, { profile })
    expect([body['thinking'], (body['output_config'] as any)?.effort]).toEqual([thinking, effort])
  })

  test.each<[Record<string, unknown>, ChatRequest['reasoning']]>([
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, { budget: 2000, visible: true }],
    [{ thinking: { type: 'enabled', budget_tokens: 2000, display: 'omitted' } }, { budget: 2000, visible: false }],
    [
      { thinking: { type: 'adaptive', display: 'omitted' }, output_config: { effort: 'max' } },
      { effort: 'max', adaptive: true, visible: false },
    ],
    [{ thinking: { type: 'disabled' } }, { effort: 'none' }],
    [{ output_config: { effort: 'low' } }, { effort: 'low', adaptive: false }],
    [{}, undefined],
  ])('%j is read', (fields, reasoning) => {
    const request = decode({ messages: [], ...fields })
    expect(request.reasoning).toEqual(reasoning)
    expect(request.extensions).toEqual({})
  })

  test('thinking off beside an effort stays off, everywhere', () => {
    const request = decode({ messages: [], thinking: { type: 'disabled' }, output_config: { effort: 'high' } })
    expect(request.reasoning).toEqual({ effort: 'none' })
    expect(encode(request).body).toMatchObject({ thinking: { type: 'disabled' }, output_config: { effort: 'high' } })
  })

  test('case 39: max_tokens exceeds the budget, as far as the model goes', () => {
    const of = (maxOutput: number, budget: number, most = 64_000) => {
      const profile = { ...BUDGET_PROFILE, maxOutput: most }
      const { body } = encode({ maxOutput, reasoning: { budget, visible: true } }, { profile })
      return [body['max_tokens'], (body['thinking'] as any).budget_tokens]
    }
    expect(of(4096, 1024)).toEqual([4096, 1024])
    expect(of(1000, 5000)).toEqual([6000, 5000])
    expect(of(1000, 60_000, 32_000)).toEqual([32_000, 28_800])
    expect(of(500, 1024, 900)).toEqual([500, undefined])
  })

  test('case 39: sampling is dropped for models that refuse it, and while thinking', () => {
    const sampling = { temperature: 0.5, topP: 0.9, topK: 5 }
    expect(encode({ sampling }).losses).toEqual(['dropped=temperature', 'dropped=top_p', 'dropped=top_k'])
    const { body, losses } = encode({ sampling, reasoning: { budget: 2000 } }, { profile: BUDGET_PROFILE })
    expect(body).not.toHaveProperty('temperature')
    expect(losses).toEqual(['dropped=temperature', 'dropped=top_p', 'dropped=top_k'])
  })
})

test("max_tokens is the model's most where nobody says, and 0 where the client warms a cache", () => {
  expect(encode({}).body['max_tokens']).toBe(64_000)
  expect(encode(decode({ messages: [], max_tokens: 0 })).body['max_tokens']).toBe(0)
})

test('counting tokens takes what counts, without the tools the provider runs', () => {
  const body = {
    model: 'm',
    system: 'Be brief.',
    messages: [{ role: 'user', content: 'hi' }],
    tools: [
      { name: 'f', input_schema: { type: 'object' } },
      { type: 'memory_20250818', name: 'memory' },
      { type: 'web_search_20250305', name: 'web_search' },
    ],
  }
  const losses = createLossReport()
  const request = decodeCountTokensRequest(body, { model: 'm', openEnvelope: () => null, losses })
  const encoded = encodeCountTokensRequest(requestOf({ ...request, stop: ['x'], userId: 'u' }), encodingOf({ losses }))
  expect(encoded.body).toEqual({ ...body, model: 'claude-opus-5', tools: body.tools.slice(0, 2) })
  expect(lossNames(losses)).toEqual(['dropped=builtin_tools'])
})

test('a request that makes no sense is a bad request, and says what to do', () => {
  for (const body of [
    {},
    { messages: 'hi' },
    { messages: [{ role: 'tool', content: '' }] },
    { messages: [{ role: 'user' }] },
  ]) {
    expect(() => decode(body)).toThrow(expect.objectContaining({ path: 'messages', code: 'bad_request' }))
  }
})

test('a ping is passed on once the answer has begun', () => {
  const encoder = codec.streamEncoder(responseEncodingOf())
  const events: StreamEvent[] = [
    { type: 'ping' },
    { type: 'response-start', id: 'x', model: 'm', created: 0 },
    { type: 'ping' },
  ]
  expect(events.map((event) => encoder.push(event).slice(0, 20))).toEqual([
    '',
    'event: message_start',
    'event: ping\ndata: {"',
  ])
})
