// What clients of this dialect are sent, whole and streamed, and fields of answers on their way through.
import { describe, expect, test } from 'vitest'
import type { ChatResponse, Finish, Item, StreamEvent } from '../canonical.ts'
import { UNKNOWN_USAGE } from '../canonical.ts'
import { createLossReport } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import {
  chunksOf,
  codec,
  decodeStream,
  decodingOf,
  delta,
  encodeStream,
  lossNames,
  requestOf,
  responseEncodingOf,
  sealEnvelope,
  sse,
  type Json,
} from './testing.ts'

const piece = (index: number | undefined, more: Json): Json =>
  delta({ tool_calls: [{ ...(index === undefined ? {} : { index }), ...more }] })
const named = (id: string, name: string, args = ''): Json => ({
  id,
  type: 'function',
  function: { name, arguments: args },
})
const end = (reason = 'stop'): Json => delta({}, reason)
const collect = (...chunks: readonly Json[]): ChatResponse => collectEvents(decodeStream(sse(...chunks)))
const callsOf = ({ items }: ChatResponse): unknown[] =>
  items.flatMap((item) => (item.kind === 'call' ? [[item.id, item.name, item.argsText]] : []))
const whole = (message: Json, finish_reason: unknown = 'stop', more: Json = {}): ChatResponse =>
  codec.decodeResponse(
    { id: 'a', model: 'm', created: 1, choices: [{ index: 0, message, finish_reason }], ...more },
    decodingOf(),
  )

function answerOf(items: readonly Item[], finish: Finish = { unified: 'stop', raw: '' }): ChatResponse {
  return { id: 'a', model: 'm', created: 1, items, finish, usage: UNKNOWN_USAGE, extensions: {} }
}
const text = (text: string): Item => ({ kind: 'text', role: 'assistant', turn: 0, text })
const called = (id: string, argsText = '{}'): Item => ({
  kind: 'call',
  turn: 0,
  id,
  name: 'f',
  argsText,
  style: 'json',
})
const encodeWhole = (answer: ChatResponse, encoding = responseEncodingOf()): Json =>
  codec.encodeResponse(answer, encoding)

describe('answers', () => {
  test('case 20: length with calls stays length', () => {
    const cut = encodeWhole(answerOf([called('a')], { unified: 'length', raw: 'MAX_TOKENS' }))
    expect(cut['choices'][0].finish_reason).toBe('length')
  })

  test('case 21: refusals and filters are never a plain stop', () => {
    expect(whole({ content: null, refusal: 'no' })).toMatchObject({
      finish: { unified: 'refusal' },
      items: [{ kind: 'refusal', text: 'no' }],
    })
    expect(whole({ content: '' }, 'content_filter').finish.unified).toBe('content_filter')
    const refused = encodeWhole(
      answerOf([{ kind: 'refusal', turn: 0, text: 'no' }], { unified: 'refusal', raw: 'refusal' }),
    )
    expect(refused['choices'][0]).toMatchObject({
      finish_reason: 'content_filter',
      message: { content: null, refusal: 'no' },
    })
    const losses = createLossReport()
    const paused = encodeWhole(
      answerOf([text('a')], { unified: 'pause', raw: 'pause_turn' }),
      responseEncodingOf({ losses }),
    )
    expect(paused['choices'][0].finish_reason).toBe('stop')
    expect(lossNames(losses)).toEqual(['approx=finish_reason'])
    expect(encodeWhole(answerOf([], { unified: 'context_window', raw: 'x' }))['choices'][0].finish_reason).toBe(
      'length',
    )
  })

  test('case 22: a blocked answer of nothing is a message of nothing with content_filter', () => {
    const body = encodeWhole(answerOf([], { unified: 'content_filter', raw: 'SAFETY' }))
    expect(body).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant', content: '' }, finish_reason: 'content_filter' }],
    })
  })

  test('cases 23 and 25: cached tokens are in the prompt, thoughts in the completion, the total is their sum', () => {
    const usage = {
      input: 60,
      cacheRead: 30,
      cacheWrite: 20,
      cacheWrite1h: 5,
      output: 400,
      reasoning: 382,
      searches: 2,
    }
    expect(encodeWhole({ ...answerOf([]), usage })['usage']).toEqual({
      prompt_tokens: 60,
      completion_tokens: 400,
      total_tokens: 460,
      prompt_tokens_details: { cached_tokens: 30, cache_write_tokens: 20 },
      completion_tokens_details: { reasoning_tokens: 382 },
    })
    expect(encodeWhole(answerOf([]))).not.toHaveProperty('usage')
  })

  test('ids and model are the client’s own', () => {
    expect(encodeWhole(answerOf([text('a')]))).toMatchObject({
      id: 'chatcmpl-01J',
      model: 'asked-for',
      created: 1_700_000_000,
    })
  })

  test('a call of the forced schema tool is text; a freeform call is out of its object', () => {
    const tools = new Map([
      ['json', { name: 'json', style: 'json' as const, asText: true }],
      ['patch', { name: 'patch', style: 'freeform' as const }],
    ])
    const calls = [named('a', 'json', '{"x":1}'), named('b', 'patch', '{"input":"raw"}')]
    const body = { id: 'a', choices: [{ index: 0, message: { tool_calls: calls }, finish_reason: 'tool_calls' }] }
    const expected = [
      { kind: 'text', text: '{"x":1}' },
      { kind: 'call', name: 'patch', style: 'freeform', argsText: 'raw' },
    ]
    expect(codec.decodeResponse(body, decodingOf(tools)).items).toMatchObject(expected)
    const wire = sse(...calls.map((call, index) => piece(index, call)), end('tool_calls'))
    expect(collectEvents(decodeStream(wire, decodingOf(tools))).items).toMatchObject(expected)
    const alone = {
      id: 'a',
      choices: [{ index: 0, message: { tool_calls: calls.slice(0, 1) }, finish_reason: 'tool_calls' }],
    }
    expect(codec.decodeResponse(alone, decodingOf(tools)).finish.unified).toBe('stop')
  })

  test('citations are annotations with their place in the whole text; sources beside the answer belong to it', () => {
    const cited: Item = {
      kind: 'text',
      role: 'assistant',
      turn: 0,
      text: 'bc',
      citations: [{ url: 'u', title: 't', start: 0, end: 2 }],
    }
    const { message } = encodeWhole(answerOf([text('a'), cited]))['choices'][0]
    expect(message).toMatchObject({
      content: 'abc',
      annotations: [{ url_citation: { url: 'u', start_index: 1, end_index: 3 } }],
    })
    const chunks = chunksOf(encodeStream(eventsOf(answerOf([text('a'), cited])))) as Json[]
    expect(chunks.flatMap((chunk) => chunk['choices']?.[0]?.delta.annotations ?? [])).toEqual(message.annotations)
    expect(whole({ content: 'a' }, 'stop', { citations: ['https://u'] }).items[0]).toMatchObject({
      citations: [{ url: 'https://u' }],
    })
    const early = collect(delta({ annotations: message.annotations }), delta({ content: 'abc' }), end())
    expect(early.items).toMatchObject([{ kind: 'text', text: 'abc', citations: [{ url: 'u', start: 1, end: 3 }] }])
  })

  test('further choices, logprobs and sound come out again', () => {
    const logprobs = { content: [{ token: 'a' }], refusal: null }
    const other = { index: 1, message: { role: 'assistant', content: 'b' }, finish_reason: 'stop' }
    const body = {
      id: 'a',
      system_fingerprint: 'fp',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'a', audio: { id: 'x', data: 'AA' } },
          logprobs,
          finish_reason: 'stop',
        },
        other,
      ],
    }
    const out = encodeWhole(codec.decodeResponse(body, decodingOf()))
    expect(out).toMatchObject({
      system_fingerprint: 'fp',
      choices: [{ message: { content: 'a', audio: { id: 'x', data: 'AA' } }, logprobs }, other],
    })
    const second = {
      ...delta({ content: 'b' }),
      choices: [{ index: 1, delta: { role: 'assistant', content: 'b' }, finish_reason: 'stop' }],
    }
    const streamed = collect(
      { ...delta({ content: 'a' }), choices: [{ index: 0, delta: { content: 'a' }, logprobs }] },
      second,
      end(),
    )
    expect(encodeWhole(streamed)['choices']).toMatchObject([{ message: { content: 'a' }, logprobs }, other])
  })
})

describe('what a client is sent', () => {
  const answer = answerOf([text('hi'), called('a', '{"x":1}'), called('b', '')], {
    unified: 'tool_calls',
    raw: 'tool_use',
  })

  test('case 1: role, deltas, calls 0 and 1, one finish, usage, [DONE]', () => {
    const usage = { ...UNKNOWN_USAGE, input: 1, output: 2 }
    const chunks = chunksOf(encodeStream(eventsOf({ ...answer, usage })))
    const deltas = (chunks as Json[]).map((chunk) => chunk['choices']?.[0]?.delta)
    expect(deltas).toEqual([
      { role: 'assistant', content: '' },
      { content: 'hi' },
      { tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"x":1}' } }] },
      { tool_calls: [{ index: 1, id: 'b', type: 'function', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 1, function: { arguments: '{}' } }] },
      {},
      undefined,
      undefined,
    ])
    expect(chunks.at(-1)).toBe('[DONE]')
    expect(chunks.at(-2)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    })
    const bodies = chunks.slice(0, -2) as Json[]
    expect(bodies.map((chunk) => chunk['usage'])).toEqual(bodies.map(() => null))
    expect(bodies.map((chunk) => chunk['choices'][0].finish_reason).filter(Boolean)).toEqual(['tool_calls'])
    expect(new Set(bodies.map(({ id, model }) => `${id} ${model}`))).toEqual(new Set(['chatcmpl-01J asked-for']))
  })

  test('usage that was not asked for is not told', () => {
    const wire = encodeStream(eventsOf(answer), responseEncodingOf({ streamUsage: false }))
    expect(wire).not.toContain('usage')
  })

  test('case 14: state of another provider stands sealed in the client’s slots', () => {
    const signature = { provider: 'anthropic', account: 'k', model: 'm', kind: 'signature', value: 'V' } as const
    const items: Item[] = [
      { kind: 'reasoning', turn: 0, text: '', signature },
      { ...(called('a') as Extract<Item, { kind: 'call' }>), signature },
    ]
    const data = sealEnvelope(signature)
    const { message } = encodeWhole(answerOf(items))['choices'][0]
    expect(message.reasoning_details).toMatchObject([{ type: 'reasoning.encrypted', data }])
    expect(message.tool_calls[0].extra_content).toEqual({ google: { thought_signature: data } })
    expect(message).not.toHaveProperty('reasoning_content')
    const deltas = (chunksOf(encodeStream(eventsOf(answerOf(items)))) as Json[]).map(
      (chunk) => chunk['choices']?.[0]?.delta,
    )
    expect(deltas).toContainEqual({
      tool_calls: [{ index: 0, function: { arguments: '' }, extra_content: { google: { thought_signature: data } } }],
    })
  })

  test('an older client gets its one function_call', () => {
    const losses = createLossReport()
    const encoding = responseEncodingOf({ request: requestOf({ legacyCalls: true }), losses })
    expect(encodeWhole(answer, encoding)['choices'][0]).toMatchObject({
      message: { function_call: { name: 'f', arguments: '{"x":1}' } },
      finish_reason: 'function_call',
    })
    const deltas = (chunksOf(encodeStream(eventsOf(answer), encoding)) as Json[]).map(
      (chunk) => chunk['choices']?.[0]?.delta,
    )
    expect(deltas.filter((delta) => delta?.function_call)).toEqual([
      { function_call: { name: 'f', arguments: '' } },
      { function_call: { arguments: '{"x":1}' } },
    ])
    expect(lossNames(losses)).toEqual(['dropped=tool_calls'])
    const back = whole({ content: null, function_call: { name: 'f', arguments: '{}' } }, 'function_call')
    expect(callsOf(back)).toEqual([['call_a_0', 'f', '{}']])
    const streamed = collect(
      delta({ function_call: { name: 'f', arguments: '' } }),
      delta({ function_call: { arguments: '{}' } }),
      end('function_call'),
    )
    expect(callsOf(streamed)).toEqual([['call_chatcmpl1_0', 'f', '{}']])
  })

  test('a failure is one error and no [DONE]; an answer that went wrong has no finish reason', () => {
    const encoder = codec.streamEncoder(responseEncodingOf())
    const error = {
      code: 'upstream_failed',
      status: 502,
      origin: 'upstream' as const,
      message: 'm',
      retryAfter: undefined,
      requestId: 'req_1',
    }
    expect(chunksOf(encoder.fail(error))).toEqual([
      { error: { message: 'm', type: 'server_error', param: null, code: 'upstream_failed' } },
    ])
    const malformed: StreamEvent = { type: 'finish', finish: { unified: 'malformed', raw: 'MALFORMED_RESPONSE' } }
    const wire = encoder.push(malformed)
    expect(wire).not.toContain('[DONE]')
    expect(wire).not.toMatch(/"finish_reason":"/)
    expect(chunksOf(wire).at(-1)).toMatchObject({ error: { code: 'upstream_malformed' } })
  })
})
