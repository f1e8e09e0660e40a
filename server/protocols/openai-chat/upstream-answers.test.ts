// What compatible servers send, whole and streamed: regressions seen elsewhere, odd chunks, names for thoughts.
import { describe, expect, test } from 'vitest'
import type { ChatResponse } from '../canonical.ts'
import { collectEvents } from '../collect.ts'
import { codec, decodeStream, decodingOf, delta, RICH_DIALECT, sse, type Json } from './testing.ts'

const piece = (index: number | undefined, more: Json): Json =>
  delta({ tool_calls: [{ ...(index === undefined ? {} : { index }), ...more }] })
const named = (id: string, name: string, args = ''): Json => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})
const args = (text: string): Json => ({ function: { arguments: text } })
const end = (reason = 'stop'): Json => delta({}, reason)
const collect = (...chunks: readonly Json[]): ChatResponse => collectEvents(decodeStream(sse(...chunks)))
const callsOf = ({ items }: ChatResponse): unknown[] =>
  items.flatMap((item) => (item.kind === 'call' ? [[item.id, item.name, item.argsText]] : []))
const whole = (message: Json, finish_reason: unknown = 'stop', more: Json = {}): ChatResponse =>
  codec.decodeResponse(
    { id: 'a', model: 'm', created: 1, choices: [{ index: 0, message, finish_reason }], ...more },
    decodingOf(),
  )

describe('regressions of upstream streams', () => {
  test('case 4: deltas 0, 1, 0, 1 are two calls, one after the other, arguments unmixed', () => {
    const events = decodeStream(
      sse(
        piece(0, named('a', 'f')),
        piece(1, named('b', 'g')),
        piece(0, args('{"x":')),
        piece(1, args('{"y":')),
        piece(0, args('1}')),
        piece(1, args('2}')),
        end('tool_calls'),
      ),
    )
    expect(events.map(({ type }) => type)).toEqual(
      ['response-start'].concat(...[1, 2].map(() => ['part-start', 'part-delta', 'part-delta', 'part-end']), [
        'finish',
      ]),
    )
    expect(callsOf(collectEvents(events))).toEqual([
      ['a', 'f', '{"x":1}'],
      ['b', 'g', '{"y":2}'],
    ])
  })

  test('case 5: a repeated index with new ids is as many calls', () => {
    const answer = collect(
      piece(0, named('a', 'f', '{}')),
      piece(0, named('b', 'f', '{"x":1}')),
      piece(0, { id: 'a', ...args(' ') }),
      end(),
    )
    expect(callsOf(answer)).toEqual([
      ['a', 'f', '{} '],
      ['b', 'f', '{"x":1}'],
    ])
  })

  test('case 5: without an index the id is the key, without an id the order is', () => {
    const ids = collect(
      piece(undefined, named('a', 'f', '{')),
      piece(undefined, named('b', 'g', '{}')),
      piece(undefined, { id: 'a', ...args('}') }),
      end(),
    )
    expect(callsOf(ids)).toEqual([
      ['a', 'f', '{}'],
      ['b', 'g', '{}'],
    ])
    const none = collect(
      piece(undefined, named('', 'f', '{"x":1}')),
      piece(undefined, named('', 'f', '{"x":2}')),
      end(),
    )
    expect(callsOf(none)).toEqual([
      ['call_chatcmpl1_0', 'f', '{"x":1}'],
      ['call_chatcmpl1_1', 'f', '{"x":2}'],
    ])
    const all = collect(piece(0, named('', 'f', '{"x":1}')), piece(0, named('', 'f', '{"x":2}')), end())
    expect(callsOf(all).length).toBe(2)
  })

  test('a name that comes late waits for it', () => {
    const answer = collect(
      piece(0, { id: 'a', ...args('{"x"') }),
      piece(0, { function: { name: 'f' } }),
      piece(0, args(':1}')),
      end(),
    )
    expect(callsOf(answer)).toEqual([['a', 'f', '{"x":1}']])
  })

  test('case 6: text, thoughts, text are three parts in order', () => {
    const answer = collect(delta({ content: 'a' }), delta({ reasoning: 'b' }), delta({ content: 'c' }), end())
    expect(answer.items.map((item) => [item.kind, 'text' in item ? item.text : ''])).toEqual([
      ['text', 'a'],
      ['reasoning', 'b'],
      ['text', 'c'],
    ])
  })

  test('case 9: a turn of calls only has no text', () => {
    const answer = collect(
      delta({ role: 'assistant', content: '' }),
      piece(0, named('a', 'f', '{}')),
      end('tool_calls'),
    )
    expect(answer.items.map(({ kind }) => kind)).toEqual(['call'])
  })

  test('case 19: stop with calls is tool_calls', () => {
    expect(collect(piece(0, named('a', 'f')), end('stop')).finish).toEqual({ unified: 'tool_calls', raw: 'stop' })
    expect(whole({ tool_calls: [named('a', 'f')] }).finish.unified).toBe('tool_calls')
  })

  test('case 20: length with calls stays length', () => {
    expect(collect(piece(0, named('a', 'f')), end('length')).finish.unified).toBe('length')
  })

  test('case 26: a no-argument tool with zero deltas gives {} exactly once', () => {
    const events = decodeStream(sse(piece(0, named('a', 'f')), piece(1, named('b', 'g')), end('tool_calls')))
    const said = events.filter((event) => event.type === 'part-delta')
    expect(said.map(({ delta }) => delta)).toEqual([1, 2].map(() => ({ kind: 'args', text: '{}' })))
    expect(callsOf(whole({ tool_calls: [named('a', 'f')] }))).toEqual([['a', 'f', '{}']])
  })

  test('case 34: an error chunk, an error event and a silent end are errors and no finish', () => {
    const failure = { error: { code: 429, message: 'Slow down', type: 'rate_limit' } }
    const started = delta({ content: 'a' })
    const ends = [
      sse(started, failure, end()),
      `data: ${JSON.stringify(started)}\n\nevent: error\ndata: ${JSON.stringify({ error: { message: 'Slow down', status_code: 429, type: 'rate_limit' } })}\n\n`,
    ]
    for (const wire of ends) {
      const events = decodeStream(wire)
      expect(events.at(-1)).toMatchObject({
        type: 'error',
        error: { status: 429, message: 'Slow down', signals: expect.arrayContaining(['rate_limit']) },
      })
      expect(events.filter(({ type }) => type === 'finish' || type === 'error').length).toBe(1)
    }
    expect(decodeStream(`data: ${JSON.stringify(started)}\n\n`).at(-1)).toMatchObject({
      type: 'error',
      error: { status: 502 },
    })
    expect(decodeStream('')).toMatchObject([{ type: 'error' }])
  })

  test('a finish reason without [DONE] is an ending', () => {
    const wire = sse(delta({ content: 'a' }), end()).replace('data: [DONE]\n\n', '')
    expect(decodeStream(wire).at(-1)).toMatchObject({ type: 'finish', finish: { unified: 'stop' } })
  })

  test('case 42: Azure’s chunks without choices, delta or id are read', () => {
    const answer = collect(
      { id: '', model: '', object: '', created: 0, choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'a' }),
      { id: 'chatcmpl-1', choices: [{ index: 0, finish_reason: null, content_filter_results: {} }] },
      end(),
      { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } },
    )
    expect(answer).toMatchObject({ id: 'chatcmpl-1', items: [{ text: 'a' }], usage: { input: 1, output: 2 } })
  })

  test('what says nothing between chunks is no end', () => {
    const silence = ': ping\n\nevent: ping\n\nevent: ping\ndata: now\n\ndata:\n\ndata: \n\ndata: null\n\n'
    const answer = collectEvents(decodeStream(silence + sse(delta({ content: 'a' }), end()) + silence))
    expect(answer).toMatchObject({ items: [{ text: 'a' }], finish: { unified: 'stop' } })
  })

  test('a [DONE] without a finish reason ends an answer that said something, and no other', () => {
    expect(collect(delta({ content: 'a' })).finish).toEqual({ unified: 'stop', raw: '', unknown: true })
    const call = collect(piece(0, named('a', 'f', '{"x":')), piece(0, args('1}')))
    expect(call.finish).toEqual({ unified: 'tool_calls', raw: '', unknown: true })
    expect(decodeStream(sse(delta({ role: 'assistant', content: '' }))).at(-1)).toMatchObject({
      type: 'error',
      error: { status: 502, malformed: true },
    })
  })

  test.each([
    ['are cut', named('a', 'f', '{"x":"so fa')],
    ['may have been cut before they began', named('a', 'f')],
    ['are no object', named('a', 'f', '1')],
    ['are free text', { id: 'a', type: 'custom', custom: { name: 'f', input: 'so fa' } }],
  ])('without a finish reason a call whose arguments %s has broken off, streamed and whole', (_how, call) => {
    const events = decodeStream(sse(delta({ content: 'a' }), piece(0, named('b', 'g', '{}')), piece(1, call)))
    expect(events.at(-1)).toMatchObject({ type: 'error', error: { status: 502, malformed: true } })
    expect(events.filter(({ type }) => type === 'part-end').length).toBe(1)
    expect(whole({ content: 'a', tool_calls: [named('b', 'g', '{}'), call] }, null).finish.unified).toBe('malformed')
    if ('function' in call) {
      const older = { name: 'f', arguments: call['function'].arguments }
      expect(decodeStream(sse(delta({ function_call: older }))).at(-1)).toMatchObject({ type: 'error' })
      expect(whole({ function_call: older }, null).finish.unified).toBe('malformed')
    }
  })

  test('a whole answer that names no finish, or one nobody knows, is a stop that is marked, unless it is empty', () => {
    expect(whole({ content: 'a' }, 'new_word').finish).toEqual({ unified: 'stop', raw: 'new_word', unknown: true })
    expect(whole({ content: 'a' }, null).finish).toEqual({ unified: 'stop', raw: '', unknown: true })
    expect(whole({ content: 'a' }, 'constructor').finish.unified).toBe('stop')
    expect(whole({ content: '' }, null).finish.unified).toBe('malformed')
    expect(collect(delta({ content: 'a' }), end('new_word')).finish).toEqual(whole({ content: 'a' }, 'new_word').finish)
  })

  test('behind the finish reason nothing that matters can be cut any more', () => {
    const wire = `${sse(delta({ content: 'a' }), end()).replace('data: [DONE]\n\n', '')}data: {"usage":{"pro`
    expect(decodeStream(`${wire}\n\n`).at(-1)).toMatchObject({ type: 'finish', finish: { unified: 'stop' } })
  })
})

describe('what upstreams call their thoughts', () => {
  test.each([
    ['reasoning_content', { reasoning_content: 'hm' }],
    ['reasoning', { reasoning: 'hm' }],
    ['details', { reasoning: 'hm', reasoning_details: [{ type: 'reasoning.text', text: 'hm', index: 0 }] }],
    [
      'parts',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
          { type: 'text', text: 'a' },
        ],
      },
    ],
  ])('%s', (_name, message) => {
    const expected = [
      { kind: 'reasoning', text: 'hm' },
      { kind: 'text', text: 'a' },
    ]
    expect(whole({ content: 'a', ...message }).items).toMatchObject(expected)
    const rest = 'content' in message ? [] : [delta({ content: 'a' })]
    expect(collect(delta(message), ...rest, end()).items).toMatchObject(expected)
  })

  test('think tags, where the server is said to use them, however they are cut', () => {
    const decoding = decodingOf(new Map(), { ...RICH_DIALECT, reasoningOut: 'think_tags' })
    const content = '<think>\na < b\n</think>\n\nanswer <think>'
    const expected = [
      { kind: 'reasoning', text: 'a < b' },
      { kind: 'text', text: 'answer <think>' },
    ]
    for (let size = 1; size <= content.length; size++) {
      const pieces = content.match(new RegExp(`.{1,${size}}`, 'gs'))!
      const wire = sse(...pieces.map((content) => delta({ content })), end())
      expect(collectEvents(decodeStream(wire, decoding)).items).toMatchObject(expected)
    }
    const body = { id: 'a', choices: [{ index: 0, message: { content }, finish_reason: 'stop' }] }
    expect(codec.decodeResponse(body, decoding).items).toMatchObject(expected)
    expect(whole({ content }).items).toMatchObject([{ kind: 'text', text: content }])
  })

  test('sealed state belongs to the thought before it, and says whose it is', () => {
    const details = [
      { type: 'reasoning.summary', summary: 'hm', format: 'f', index: 0 },
      { type: 'reasoning.encrypted', data: 'V', id: 'rs_1', format: 'f', index: 0 },
    ]
    const signature = {
      provider: 'some-server',
      account: 'key-1',
      model: 'served',
      kind: 'encrypted',
      value: 'V',
      id: 'rs_1',
      format: 'f',
    }
    expect(whole({ content: 'a', reasoning_details: details }).items[0]).toMatchObject({
      kind: 'reasoning',
      text: 'hm',
      summary: true,
      signature,
    })
    const streamed = collect(
      ...details.map((one) => delta({ reasoning_details: [one] })),
      delta({ content: 'a' }),
      end(),
    )
    expect(streamed.items[0]).toMatchObject({ kind: 'reasoning', text: 'hm', signature })
  })
})
