// Answers and streams, read from providers and written for clients.
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  call,
  decode,
  media,
  PROVIDER,
  readStream,
  responseEncoding,
  say,
  sealMarked,
  typesOf,
  writeStream,
  writeStreamOf,
  type WireEvent,
} from '../../../test/support/responses-codec.ts'
import type { Item } from '../canonical.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { openaiResponsesCodec as codec } from './codec.ts'

describe('reading answers', () => {
  const started = { type: 'response.created', response: { id: 'resp_1', model: 'm', created_at: 7 } }
  const completed = (output: unknown[] = [], more: object = {}): WireEvent => ({
    type: 'response.completed',
    response: { id: 'resp_1', status: 'completed', output, ...more },
  })
  const delta = (type: string, index: number, text: string): WireEvent => ({ type, output_index: index, delta: text })
  const added = (index: number, item: object): WireEvent => ({
    type: 'response.output_item.added',
    output_index: index,
    item,
  })
  const done = (index: number, item: object): WireEvent => ({
    type: 'response.output_item.done',
    output_index: index,
    item,
  })
  const wireCall = (id: string, args: string): object => ({
    type: 'function_call',
    call_id: id,
    name: 'f',
    arguments: args,
  })

  test('case 3: parallel calls whose deltas come mixed are three separate, parsable calls', () => {
    const indexes = [0, 1, 2]
    const args = 'response.function_call_arguments.delta'
    const wire = [
      started,
      ...indexes.map((index) => added(index, wireCall(`c${index}`, ''))),
      ...indexes.map((index) => delta(args, index, `{"n":`)),
      ...indexes.toReversed().map((index) => delta(args, index, `${index}}`)),
      ...indexes.map((index) => done(index, wireCall(`c${index}`, `{"n":${index}}`))),
      completed(),
    ]
    const response = collectEvents(readStream(wire))
    expect(response.items.map((item) => item.kind === 'call' && [item.id, JSON.parse(item.argsText)])).toEqual(
      indexes.map((index) => [`c${index}`, { n: index }]),
    )
    expect(response.finish.unified).toBe('tool_calls')
  })

  test('what came without deltas is taken from the item, or from the last event', () => {
    const item = wireCall('c1', '{"x":1}')
    for (const wire of [
      [started, done(0, item), completed([item])],
      [started, added(0, item), done(0, item), completed([item])],
      [started, completed([item])],
    ]) {
      expect(collectEvents(readStream(wire)).items).toEqual([call()])
    }
  })

  test('a call whose name comes with its end is read', () => {
    const wire = [
      started,
      added(0, { type: 'function_call', call_id: 'c1' }),
      done(0, wireCall('c1', '{"x":1}')),
      completed(),
    ]
    expect(collectEvents(readStream(wire)).items).toEqual([call()])
  })

  test('annotations and refusals are read, tools of the provider are kept as they are', () => {
    const annotation = { type: 'url_citation', url: 'https://x.test', title: 'X', start_index: 0, end_index: 2 }
    const file = { type: 'file_citation', file_id: 'f', filename: 'a', index: 1 }
    const search = { type: 'web_search_call', id: 'ws_1', status: 'completed', action: {} }
    const content = [
      { type: 'output_text', text: 'Hi', annotations: [annotation, file] },
      { type: 'refusal', refusal: 'No' },
    ]
    const output = [search, { type: 'message', role: 'assistant', content }]
    const response = codec.decodeResponse({ status: 'completed', output }, PROVIDER)
    expect(response.items).toEqual([
      { turn: 0, kind: 'opaque', protocol: 'openai-responses', role: 'assistant', raw: search },
      { ...say('Hi'), citations: [{ url: 'https://x.test', title: 'X', start: 0, end: 2 }, { raw: file }] },
      { turn: 0, kind: 'refusal', text: 'No' },
    ])
    expect(response.finish.unified).toBe('refusal')
    const again = codec.encodeResponse(response, responseEncoding())['output'] as WireEvent[]
    expect(again[0]).toEqual(search)
    expect(again[1]!['content'][0].annotations).toEqual([annotation, file])
  })

  test.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
    ['steered', 'stop'],
  ])('an answer that is incomplete for %s ends as %s', (reason, unified) => {
    const response = { status: 'incomplete', incomplete_details: { reason }, output: [] }
    const events = readStream([started, { type: 'response.incomplete', response }])
    const finish = { unified, raw: reason, ...(reason === 'steered' ? { unknown: true } : {}) }
    expect(events.at(-1)).toEqual({ type: 'finish', finish })
    expect(codec.decodeResponse(response, PROVIDER).finish).toEqual(finish)
  })

  test('a status nobody knows, or none, is a stop that is marked; without any output it is no answer', () => {
    const output = [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'a' }] }]
    const finishOf = (body: Record<string, unknown>) => codec.decodeResponse(body, PROVIDER).finish
    expect(finishOf({ status: 'resting', output })).toEqual({ unified: 'stop', raw: 'resting', unknown: true })
    expect(finishOf({ output })).toEqual({ unified: 'stop', raw: '', unknown: true })
    expect(finishOf({ output: [] }).unified).toBe('malformed')
    expect(finishOf({ error: { message: 'no' } }).unified).toBe('malformed')
  })

  test('case 20: an answer cut at its limit stays cut, call or no call', () => {
    const response = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }
    const wire = [started, done(0, wireCall('c1', '{"x"')), { type: 'response.incomplete', response }]
    expect(collectEvents(readStream(wire)).finish.unified).toBe('length')
  })

  test('case 34: an in-band error is an error, once, and nothing after it is heard', () => {
    const failure = { code: 'rate_limit_exceeded', message: 'Slow down, try again in 2s' }
    const failed = { type: 'response.failed', response: { status: 'failed', error: failure } }
    const expected = { type: 'error', error: { status: 429, message: failure.message, retryAfterMs: 2000 } }
    for (const first of [{ type: 'error', ...failure }, { type: 'error', error: failure }, failed]) {
      const events = readStream([started, first, failed, completed()])
      expect(events.slice(1)).toMatchObject([expected])
      expect(events[1]).toMatchObject({ error: { signals: expect.arrayContaining(['rate_limit_exceeded']) } })
    }
  })

  test('case 34: a stream that ends in silence is an error, never an empty success', () => {
    const events = readStream([started, delta('response.output_text.delta', 0, 'Hel')])
    expect(events.at(-1)).toMatchObject({ type: 'error', error: { status: 502 } })
    expect(events.some(({ type }) => type === 'finish')).toBe(false)
    expect(readStream([])).toMatchObject([{ type: 'error' }])
  })

  test('events nobody knows are not heard', () => {
    const strange = [
      { type: 'codex.rate_limits', x: 1 },
      { type: 'response.never_heard_of', output_index: 0 },
    ]
    expect(readStream([started, ...strange, completed()]).map(({ type }) => type)).toEqual([
      'response-start',
      'usage',
      'finish',
    ])
  })

  test('a background answer that only waits is none', () => {
    expect(codec.decodeResponse({ status: 'queued', output: [] }, PROVIDER).finish.unified).toBe('malformed')
  })
})

describe('writing answers', () => {
  test('case 33: an answer is told from `created` to `completed`, each event with all it needs', () => {
    const wire = writeStream(eventsOf(answerOf([say('Hi')])))
    expect(typesOf(wire)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(wire[4]).toMatchObject({ item_id: wire[2]!['item'].id, output_index: 0, content_index: 0, delta: 'Hi' })
    expect(wire.at(-1)!['response']).toMatchObject({ status: 'completed', model: 'my-model', object: 'response' })
  })

  test('reasoning, then a call', () => {
    const signature = { provider: 'anthropic', account: 'a', model: 'm', kind: 'signature', value: 'S' } as const
    const thoughts: Item = { turn: 0, kind: 'reasoning', text: 'Hm', signature }
    const wire = writeStreamOf(answerOf([thoughts, call()], 'tool_calls'))
    expect(typesOf(wire).slice(2)).toEqual([
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(wire[7]!['item']).toMatchObject({
      summary: [{ type: 'summary_text', text: 'Hm' }],
      encrypted_content: sealMarked(signature),
    })
    expect(wire[10]).toMatchObject({ type: 'response.function_call_arguments.done', arguments: '{"x":1}' })
  })

  test('case 26: a no-argument tool with zero deltas gives {} exactly once', () => {
    const wire = writeStreamOf(answerOf([call({ argsText: '' })]))
    const deltas = wire.filter(({ type }) => type === 'response.function_call_arguments.delta')
    expect(deltas.map((event) => event['delta'])).toEqual(['{}'])
    expect(wire.at(-1)!['response'].output[0].arguments).toBe('{}')
  })

  test('case 31: a freeform call is a custom_tool_call with its raw text', () => {
    const patch = '*** Begin Patch'
    const wire = writeStreamOf(answerOf([call({ name: 'apply_patch', style: 'freeform', argsText: patch })]))
    expect(typesOf(wire).slice(2, 6)).toEqual([
      'response.output_item.added',
      'response.custom_tool_call_input.delta',
      'response.custom_tool_call_input.done',
      'response.output_item.done',
    ])
    expect(wire[5]!['item']).toMatchObject({ type: 'custom_tool_call', input: patch, call_id: 'c1' })
  })

  test('case 21: a refusal without words is a refusal still, and a pause is complete', () => {
    const refused = codec.encodeResponse(answerOf([], 'refusal'), responseEncoding())
    expect(refused['output']).toMatchObject([{ content: [{ type: 'refusal', refusal: expect.stringMatching(/./) }] }])
    const explained = answerOf([say('So')], 'refusal', { details: { explanation: 'Not that.' } })
    const [message] = codec.encodeResponse(explained, responseEncoding())['output'] as WireEvent[]
    expect(message!['content']).toMatchObject([{ text: 'So' }, { refusal: 'Not that.' }])
    expect(codec.encodeResponse(answerOf([], 'pause'), responseEncoding())['status']).toBe('completed')
    expect(codec.encodeResponse(answerOf([], 'context_window'), responseEncoding())).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
    })
  })

  test('case 22: a filtered answer without parts is an answer that says why', () => {
    expect(codec.encodeResponse(answerOf([], 'content_filter'), responseEncoding())).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
      output: [],
    })
  })

  test('a malformed answer is a failed one', () => {
    expect(writeStreamOf(answerOf([], 'malformed')).at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' } },
    })
  })

  test('case 34: a failure in mid-stream is response.failed, with what was said marked incomplete', () => {
    const encoder = codec.streamEncoder(responseEncoding())
    const events = [...eventsOf(answerOf([say('Hi'), call()]))].slice(0, 6)
    for (const event of events) encoder.push(event)
    const text = encoder.fail({
      code: 'upstream_stream_cut',
      status: 502,
      origin: 'upstream',
      message: 'It broke off.',
      retryAfter: undefined,
      requestId: 'req_1',
    })
    expect(text).toMatch(/^event: response\.failed\ndata: \{.*\}\n\n$/)
    const { response, sequence_number: number } = JSON.parse(text.split('data: ')[1]!) as WireEvent
    expect(response).toMatchObject({
      status: 'failed',
      error: { code: 'upstream_stream_cut', message: 'It broke off.' },
      output: [{ status: 'completed' }, { type: 'function_call', status: 'incomplete' }],
    })
    expect(number).toBe(10)
  })

  test('nothing comes before `created`, not even a failure; pings and errors are not told', () => {
    const encoder = codec.streamEncoder(responseEncoding())
    expect(encoder.push({ type: 'ping' })).toBe('')
    const text = encoder.fail({
      code: 'x',
      status: 502,
      origin: 'upstream',
      message: 'm',
      retryAfter: undefined,
      requestId: 'r',
    })
    expect(text.startsWith('event: response.created\n')).toBe(true)
  })

  test('the reply repeats its request, stores nothing and counts', () => {
    const request = decode({
      input: 'Hi',
      instructions: 'Be brief.',
      tools: [{ type: 'function', name: 'f', parameters: {}, strict: true }, { type: 'web_search' }],
      tool_choice: { type: 'function', name: 'f' },
      parallel_tool_calls: false,
      temperature: 0.5,
      top_p: 0.9,
      max_output_tokens: 99,
      reasoning: { effort: 'high', summary: 'auto' },
      text: { verbosity: 'low' },
      metadata: { a: 'b' },
      store: true,
    })
    const usage = { input: 10, cacheRead: 4, cacheWrite: 2, cacheWrite1h: null, output: 5, reasoning: 1, searches: 3 }
    const reply = codec.encodeResponse({ ...answerOf([say('Hi')]), usage }, responseEncoding({ request }))
    expect(reply).toMatchObject({
      id: 'resp_01J0000000000000000000000A',
      created_at: 1_700_000_000,
      instructions: 'Be brief.',
      tools: [{ type: 'function', name: 'f', strict: true }, { type: 'web_search' }],
      tool_choice: { type: 'function', name: 'f' },
      parallel_tool_calls: false,
      temperature: 0.5,
      top_p: 0.9,
      max_output_tokens: 99,
      reasoning: { effort: 'high', summary: 'auto' },
      text: { format: { type: 'text' }, verbosity: 'low' },
      metadata: { a: 'b' },
      store: false,
      usage: {
        input_tokens: 10,
        input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 1 },
        total_tokens: 15,
      },
    })
  })

  test('what an answer cannot say here is told as lost', () => {
    const encoding = responseEncoding()
    const items: Item[] = [
      { ...say('a'), citations: [{ quote: 'b' }] } as Item,
      { turn: 0, kind: 'opaque', protocol: 'x', role: 'assistant', raw: { type: 'server_tool_use' } },
      { ...media('audio'), role: 'assistant' },
      { ...media('image'), role: 'assistant', source: { from: 'data', mime: 'image/png', data: 'AAAA' } },
    ]
    const { output } = codec.encodeResponse(answerOf(items), encoding)
    expect(encoding.losses.losses.map(({ path }) => path)).toEqual(['citations', 'provider_items', 'media'])
    expect((output as WireEvent[]).at(-1)).toMatchObject({ type: 'image_generation_call', result: 'AAAA' })
  })
})
