// Streams by example: the wire as it is written, and streams that fail.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../../test/support/properties.ts'
import type { Item, StreamEvent } from '../canonical.ts'
import { eventsOf } from '../collect.ts'
import {
  answerOf,
  chunkOf,
  codec,
  decodeStream,
  decodingOf,
  encodeStream,
  responseEncodingOf,
  sse,
  text,
  wireChunks,
} from './testing.ts'

describe('streams', () => {
  test('the wire: one data line per chunk, usage and finish reason on the last', () => {
    const call: Item = { kind: 'call', turn: 0, id: 'c1', name: 'f', argsText: '{"x":1}', style: 'json' }
    const answer = answerOf([text('hi'), call], { finish: { unified: 'tool_calls', raw: 'tool_use' } })
    const around = { modelVersion: 'asked-for', responseId: 'req_01J' }
    expect(wireChunks(encodeStream(eventsOf(answer)))).toEqual([
      { candidates: [{ content: { role: 'model', parts: [{ text: 'hi' }] }, index: 0 }], ...around },
      {
        candidates: [
          { content: { role: 'model', parts: [{ functionCall: { id: 'c1', name: 'f', args: { x: 1 } } }] }, index: 0 },
        ],
        ...around,
      },
      {
        candidates: [{ content: { role: 'model', parts: [{ text: '' }] }, finishReason: 'STOP', index: 0 }],
        usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 },
        ...around,
      },
    ])
  })

  test('case 4: arguments in pieces go out whole, in one part', () => {
    const pieces: StreamEvent[] = ['{"a"', ':', '"😀"}'].map((piece) => {
      return { type: 'part-delta', index: 0, delta: { kind: 'args', text: piece } }
    })
    const events: StreamEvent[] = [
      { type: 'part-start', index: 0, part: { kind: 'call', id: 'c', name: 'f', style: 'json' } },
      ...pieces,
      { type: 'part-end', index: 0 },
    ]
    const encoder = codec.streamEncoder(responseEncodingOf())
    const texts = events.map((event) => encoder.push(event))
    expect(texts.slice(0, -1).join('')).toBe('')
    expect(wireChunks(texts.at(-1)!)).toMatchObject([
      { candidates: [{ content: { parts: [{ functionCall: { args: { a: '😀' } } }] } }] },
    ])
  })

  test('case 34: a stream that ends without a word of its end is an error, and nothing is made up', () => {
    const events = decodeStream(sse(chunkOf([{ text: 'half' }])))
    expect(events.map(({ type }) => type)).toEqual(['response-start', 'part-start', 'part-delta', 'part-end', 'error'])
    expect(events.at(-1)).toMatchObject({ error: { status: 502, message: 'The answer broke off before its end.' } })
  })

  test('case 34: an error in the stream is an error with its status, and what follows is not read', () => {
    const error = { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'slow down', details: [{ retryDelay: '7s' }] }
    const events = decodeStream(
      sse(chunkOf([{ text: 'a' }]), { error }, chunkOf([{ text: 'b' }], { finishReason: 'STOP' })),
    )
    expect(events.at(-1)).toEqual({
      type: 'error',
      error: { status: 429, signals: ['resource_exhausted'], message: 'slow down', retryAfterMs: 7000 },
    })
    expect(events.filter(({ type }) => type === 'error' || type === 'finish')).toHaveLength(1)
    expect(decodeStream(sse({ error: { message: 'x' } })).at(-1)).toMatchObject({ error: { status: 502 } })
  })

  test('rubbish is an error, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ minLength: 1 }),
          fc.jsonValue().map((value) => JSON.stringify(value)),
        ),
        (data) => {
          const decoder = codec.streamDecoder(decodingOf())
          const events = [...decoder.push({ event: null, data }), ...decoder.end()]
          const last = events.at(-1)?.type
          expect(last === 'error' || last === 'finish').toBe(true)
        },
      ),
      RUNS,
    )
    expect(decodeStream('data: <html>\n\n')).toMatchObject([{ type: 'error', error: { status: 502 } }])
  })

  test('failing in mid-stream: a numeric code, as Google’s SDK wants it', () => {
    const encoder = codec.streamEncoder(responseEncodingOf())
    const text = encoder.fail({
      code: 'upstream_error',
      status: 503,
      origin: 'upstream',
      message: 'gone',
      retryAfter: undefined,
      requestId: 'req_1',
    })
    expect(wireChunks(text)).toMatchObject([{ error: { code: 503, message: 'gone', status: 'UNAVAILABLE' } }])
  })

  test('pings and starts say nothing here', () => {
    const quiet: StreamEvent[] = [{ type: 'response-start', id: 'r', model: 'm', created: 0 }, { type: 'ping' }]
    expect(encodeStream(quiet)).toBe('')
  })
})
