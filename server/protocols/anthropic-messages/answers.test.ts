// Answers, read and written: the regression cases of the protocol design that concern this dialect, by their numbers.
import { describe, expect, test } from 'vitest'
import { UNKNOWN_USAGE, type Item, type StreamEvent } from '../canonical.ts'
import { createLossReport } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { PROTOCOL } from './names.ts'
import {
  answered,
  brief,
  call,
  closing,
  codec,
  decodeStream,
  decodingOf,
  delta,
  encodeStream,
  ending,
  lossNames,
  opening,
  responseEncodingOf,
  sse,
  START,
  toolUse,
  wireEvents,
  wireOf,
} from './testing.ts'

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
        kind: 'reasoning',
        turn: 0,
        text: 'hm',
        signature: {
          provider: 'anthropic',
          account: 'key-1',
          model: 'claude-opus-5',
          kind: 'signature',
          value: 'sig',
        },
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
    const unknown = raw === 'never_heard_of' ? { unknown: true } : {}
    const said = { unified, raw, ...unknown, ...(details ? { details } : {}) }
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
    expect(events.filter(({ type }) => type === 'part-delta')).toHaveLength(1)
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
      'start 0 text',
      'delta 0',
      'stop 0',
      'start 1 thinking',
      'delta 1',
      'stop 1',
      'start 2 text',
      'delta 2',
      'stop 2',
    ])
  })

  test('case 7: thinking, then a call without text: block 0 stopped, the call at 1', () => {
    expect(brief(wireOf([thought, call('c')], 'tool_calls'))).toEqual([
      'start 0 thinking',
      'delta 0',
      'stop 0',
      'start 1 tool_use',
      'delta 1',
      'stop 1',
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

  test('a text that is signed at its end stays the last block; its state waits for a block to stand before', () => {
    const state = { provider: 'google', account: 'k', model: 'gemini-3', kind: 'thought', value: 'T' } as const
    const signed: Item = { ...text, signature: state }
    const starts = (items: Item[]): string[] => brief(wireOf(items)).filter((line) => line.startsWith('start'))
    expect(starts([signed])).toEqual(['start 0 text'])
    expect(starts([text, { ...thought, text: '', signature: state }])).toEqual(['start 0 text'])
    expect(starts([signed, call('c')])).toEqual(['start 0 text', 'start 1 thinking', 'start 2 tool_use'])
    const losses = createLossReport()
    codec.encodeResponse(answered([signed]), responseEncodingOf(losses))
    // The gateway keeps it by what was said.
    expect(lossNames(losses)).toEqual([])
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
        type: 'text',
        text: 'hi',
        citations: [
          {
            type: 'web_search_result_location',
            url: 'https://a',
            title: 'A',
            cited_text: 'hi',
            encrypted_index: '',
          },
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
    expect(lossNames(losses)).toEqual(['dropped=provider_items', 'dropped=media'])
  })
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
