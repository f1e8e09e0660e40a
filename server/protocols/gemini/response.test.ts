// Answers by example, whole and streamed: endings, usage and parts.
import { describe, expect, test } from 'vitest'
import type { Finish, Item, StreamEvent } from '../canonical.ts'
import { createLossReport } from '../codec.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import { decodeCountTokensResponse, encodeCountTokensResponse } from './count-tokens.ts'
import {
  answerOf,
  chunkOf,
  codec,
  decodeStream,
  decodeWhole,
  decodingOf,
  encodeStream,
  lossNames,
  requestOf,
  responseEncodingOf,
  sealEnvelope,
  slotOf,
  sse,
  text,
  USAGE,
  wireChunks,
} from './testing.ts'

type Json = Record<string, unknown>

describe('endings', () => {
  const call = { functionCall: { name: 'f', args: {} } }
  const endings: [reason: unknown, parts: unknown[], finish: Finish][] = [
    ['STOP', [{ text: 'a' }], { unified: 'stop', raw: 'STOP' }],
    ['STOP', [call], { unified: 'tool_calls', raw: 'STOP' }],
    ['MAX_TOKENS', [call], { unified: 'length', raw: 'MAX_TOKENS' }],
    ['SAFETY', [call], { unified: 'content_filter', raw: 'SAFETY' }],
    ['RECITATION', [], { unified: 'content_filter', raw: 'RECITATION' }],
    ['BLOCKLIST', [], { unified: 'content_filter', raw: 'BLOCKLIST' }],
    ['PROHIBITED_CONTENT', [], { unified: 'content_filter', raw: 'PROHIBITED_CONTENT' }],
    ['SPII', [], { unified: 'content_filter', raw: 'SPII' }],
    ['IMAGE_SAFETY', [], { unified: 'content_filter', raw: 'IMAGE_SAFETY' }],
    ['MALFORMED_FUNCTION_CALL', [], { unified: 'malformed', raw: 'MALFORMED_FUNCTION_CALL' }],
    ['MALFORMED_RESPONSE', [], { unified: 'malformed', raw: 'MALFORMED_RESPONSE' }],
    ['SOMETHING_NEW', [{ text: 'a' }], { unified: 'stop', raw: 'SOMETHING_NEW', unknown: true }],
    [2, [{ text: 'a' }], { unified: 'length', raw: 'MAX_TOKENS' }],
  ]
  test.each(endings)('case 19, case 20: %s', (finishReason, parts, finish) => {
    const chunk = chunkOf(parts, { finishReason })
    expect(decodeWhole(chunk).finish).toEqual(finish)
    expect(collectEvents(decodeStream(sse(chunk))).finish).toEqual(finish)
  })

  const words: [Finish['unified'], raw: string, word: string][] = [
    ['stop', 'end_turn', 'STOP'],
    ['stop_sequence', 'stop_sequence', 'STOP'],
    ['tool_calls', 'tool_use', 'STOP'],
    ['pause', 'pause_turn', 'STOP'],
    ['length', 'max_tokens', 'MAX_TOKENS'],
    ['context_window', 'model_context_window_exceeded', 'MAX_TOKENS'],
    ['refusal', 'refusal', 'SAFETY'],
    ['content_filter', 'content_filter', 'SAFETY'],
    ['content_filter', 'RECITATION', 'RECITATION'],
    ['malformed', 'x', 'MALFORMED_FUNCTION_CALL'],
  ]
  test.each(words)('case 21: %s (%s) is told as %s', (unified, raw, word) => {
    const answer = answerOf([text('a')], { finish: { unified, raw } })
    const [candidate] = codec.encodeResponse(answer, responseEncodingOf())['candidates'] as Json[]
    expect(candidate!['finishReason']).toBe(word)
    const [last] = wireChunks(encodeStream(eventsOf(answer))).at(-1)!['candidates'] as Json[]
    expect(last!['finishReason']).toBe(word)
  })

  test('case 22: a blocked prompt without candidates is a filtered answer, and is told as it came', () => {
    const body = {
      promptFeedback: { blockReason: 'PROHIBITED_CONTENT', blockReasonMessage: 'no' },
      usageMetadata: { promptTokenCount: 7, totalTokenCount: 7 },
      modelVersion: 'gemini-3-pro',
      responseId: 'abc',
    }
    const answer = decodeWhole(body)
    expect(answer).toMatchObject({
      id: 'abc',
      items: [],
      finish: { unified: 'content_filter', raw: 'PROHIBITED_CONTENT' },
      usage: { input: 7, output: 0 },
    })
    expect(collectEvents(decodeStream(sse(body)))).toEqual(answer)
    expect(codec.encodeResponse(answer, responseEncodingOf())).toMatchObject({ promptFeedback: body.promptFeedback })
    expect(wireChunks(encodeStream(eventsOf(answer)))).toMatchObject([{ promptFeedback: body.promptFeedback }])
  })

  test('a whole answer without any word of its end has ended if it says something', () => {
    expect(decodeWhole(chunkOf([{ text: 'a' }])).finish).toEqual({ unified: 'stop', raw: '', unknown: true })
    expect(decodeWhole({}).finish.unified).toBe('malformed')
  })
})

describe('usage', () => {
  test('case 25: thoughts count as output, and the parts make the total', () => {
    const usageMetadata = {
      promptTokenCount: 100,
      toolUsePromptTokenCount: 20,
      cachedContentTokenCount: 30,
      candidatesTokenCount: 18,
      thoughtsTokenCount: 382,
      totalTokenCount: 520,
    }
    const { usage } = decodeWhole(chunkOf([{ text: 'a' }], { finishReason: 'STOP' }, { usageMetadata }))
    expect(usage).toEqual({ ...USAGE, input: 120, cacheRead: 30, output: 400, reasoning: 382 })
    const body = codec.encodeResponse(answerOf([text('a')], { usage }), responseEncodingOf())
    expect(body['usageMetadata']).toEqual({
      promptTokenCount: 120,
      cachedContentTokenCount: 30,
      candidatesTokenCount: 18,
      thoughtsTokenCount: 382,
      totalTokenCount: 520,
    })
  })

  test('snapshots of a stream overwrite each other; one without a prompt says nothing', () => {
    const at = (promptTokenCount: number | null, candidatesTokenCount: number): Json => ({
      usageMetadata: { ...(promptTokenCount === null ? {} : { promptTokenCount }), candidatesTokenCount },
    })
    const stream = sse(
      chunkOf([{ text: 'a' }], {}, at(10, 1)),
      chunkOf([{ text: 'b' }], {}, at(null, 9)),
      chunkOf([], { finishReason: 'STOP' }, at(10, 4)),
    )
    expect(collectEvents(decodeStream(stream)).usage).toEqual({ ...USAGE, output: 4 })
  })

  test('unknown usage is left out', () => {
    const unknown = { ...USAGE, input: null, output: null }
    expect(codec.encodeResponse(answerOf([], { usage: unknown }), responseEncodingOf())).not.toHaveProperty(
      'usageMetadata',
    )
  })

  test('counts', () => {
    expect(decodeCountTokensResponse({ totalTokens: 31, cachedContentTokenCount: 5 })).toBe(31)
    expect(decodeCountTokensResponse({})).toBeNull()
    expect(encodeCountTokensResponse(31)).toEqual({ totalTokens: 31 })
  })
})

describe('parts', () => {
  test('case 26: a no-argument tool with zero deltas gives {} exactly once', () => {
    const events = decodeStream(sse(chunkOf([{ functionCall: { id: 'c', name: 'f' } }], { finishReason: 'STOP' })))
    const texts = events.flatMap((event) => (event.type === 'part-delta' ? [event.delta] : []))
    expect(texts).toEqual([{ kind: 'args', text: '{}' }])
    const silent: StreamEvent[] = [
      { type: 'part-start', index: 0, part: { kind: 'call', id: 'c', name: 'f', style: 'json' } },
      { type: 'part-end', index: 0 },
    ]
    const [chunk] = wireChunks(encodeStream(silent))
    expect(chunk).toMatchObject({
      candidates: [{ content: { parts: [{ functionCall: { id: 'c', name: 'f', args: {} } }] } }],
    })
  })

  test('case 2: calls in chunks of their own are calls of their own, with ids of their own', () => {
    const call = (city: string): Json => ({ functionCall: { name: 'weather', args: { city } } })
    const stream = sse(chunkOf([call('a')]), chunkOf([call('b'), call('c')], { finishReason: 'STOP' }))
    const { items, finish } = collectEvents(decodeStream(stream))
    expect(items.map((item) => item.kind === 'call' && [item.id, item.argsText])).toEqual([
      ['call_abc_0', '{"city":"a"}'],
      ['call_abc_1', '{"city":"b"}'],
      ['call_abc_2', '{"city":"c"}'],
    ])
    expect(finish.unified).toBe('tool_calls')
  })

  test('tool names and freeform calls come back as the client knows them', () => {
    const known = new Map([
      ['files__list', { name: 'list', namespace: 'files', style: 'json' as const }],
      ['apply_patch', { name: 'apply_patch', style: 'freeform' as const }],
    ])
    const parts = [
      { functionCall: { id: '1', name: 'files__list', args: { a: 1 } } },
      { functionCall: { id: '2', name: 'apply_patch', args: { input: '*** Begin' } } },
    ]
    const { items } = codec.decodeResponse(chunkOf(parts, { finishReason: 'STOP' }), decodingOf(known))
    expect(items).toEqual([
      { kind: 'call', turn: 0, id: '1', name: 'list', namespace: 'files', argsText: '{"a":1}', style: 'json' },
      { kind: 'call', turn: 0, id: '2', name: 'apply_patch', argsText: '*** Begin', style: 'freeform' },
    ])
  })

  test('pictures and sound of an answer come out, and go in', () => {
    const parts = [
      { inlineData: { mimeType: 'image/png', data: 'iVBO' } },
      { inlineData: { mimeType: 'audio/L16', data: 'AAAA' } },
    ]
    const answer = decodeWhole(chunkOf(parts, { finishReason: 'STOP' }))
    expect(answer.items.map((item) => item.kind === 'media' && item.media)).toEqual(['image', 'audio'])
    const [candidate] = codec.encodeResponse(answer, responseEncodingOf())['candidates'] as { content: Json }[]
    expect(candidate!.content['parts']).toEqual(parts)
  })

  test('what the provider’s own tools left is kept for it, and a picture in thoughts is no answer', () => {
    const parts = [
      { executableCode: { language: 'PYTHON', code: '1' }, thoughtSignature: 'c2ln' },
      { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } },
      { inlineData: { mimeType: 'image/png', data: 'iVBO' }, thought: true },
    ]
    const { items } = decodeWhole(chunkOf(parts, { finishReason: 'STOP' }))
    expect(items.map((item) => item.kind === 'opaque' && item.raw)).toEqual([
      { executableCode: { language: 'PYTHON', code: '1' } },
      parts[1],
      parts[2],
    ])
    expect(items[0]!.signature).toMatchObject({ provider: 'google', account: 'key-1', kind: 'thought', value: 'c2ln' })
  })

  test('foreign items of an answer are left out and said so', () => {
    const losses = createLossReport()
    const foreign: Item = {
      kind: 'opaque',
      protocol: 'x',
      role: 'assistant',
      turn: 0,
      raw: { type: 'server_tool_use' },
    }
    const extensions = { 'anthropic-messages': { container: { id: 'c' } } }
    const body = codec.encodeResponse(answerOf([foreign, text('a')], { extensions }), responseEncodingOf({ losses }))
    expect(body).toMatchObject({ candidates: [{ content: { parts: [{ text: 'a' }] } }] })
    expect(lossNames(losses)).toEqual(['dropped=provider_items'])
  })

  test('thoughts are shown to those who asked, their state is given to all', () => {
    const signature = { provider: 'anthropic', account: 'a', model: 'm', kind: 'signature' as const, value: 'x' }
    const items: Item[] = [{ kind: 'reasoning', turn: 0, text: 'hm', signature }, text('a')]
    const parts = (visible: boolean): unknown => {
      const encoding = responseEncodingOf({ request: requestOf({ reasoning: { visible } }) })
      return (codec.encodeResponse(answerOf(items), encoding)['candidates'] as { content: Json }[])[0]!.content['parts']
    }
    const state = { text: '', thoughtSignature: slotOf(signature) }
    expect(parts(true)).toEqual([{ text: 'hm', thought: true }, state, { text: 'a' }])
    expect(parts(false)).toEqual([state, { text: 'a' }])
    expect(Buffer.from(state.thoughtSignature, 'base64').toString()).toBe(sealEnvelope(signature))
  })

  test('a signature beside no text belongs to the text before it', () => {
    const stream = sse(
      chunkOf([{ text: 'a' }]),
      chunkOf([{ text: '', thoughtSignature: 'c2ln' }], { finishReason: 'STOP' }),
    )
    const whole = chunkOf([{ text: 'a', thoughtSignature: 'c2ln' }], { finishReason: 'STOP' })
    expect(collectEvents(decodeStream(stream))).toEqual(decodeWhole(whole))
  })
})
