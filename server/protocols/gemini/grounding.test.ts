// Sources of answers: places in bytes and in characters, whole and streamed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../../test/support/properties.ts'
import type { Item } from '../canonical.ts'
import { collectEvents, eventsOf } from '../collect.ts'
import {
  answerOf,
  chunkOf,
  codec,
  decodeStream,
  decodeWhole,
  encodeStream,
  responseEncodingOf,
  sse,
  text,
  wireChunks,
} from './testing.ts'

type Json = Record<string, unknown>

describe('sources', () => {
  const grounded = 'Zürich ist schön. Bern auch.'
  const groundingMetadata = {
    webSearchQueries: ['q'],
    groundingChunks: [{ web: { uri: 'https://a', title: 'A' } }, { retrievedContext: { title: 'B', text: 'Bern …' } }],
    groundingSupports: [
      { segment: { endIndex: 19, text: 'Zürich ist schön.' }, groundingChunkIndices: [0] },
      { segment: { startIndex: 20, endIndex: 30, text: 'Bern auch.' }, groundingChunkIndices: [0, 1] },
    ],
  }

  test('offsets in bytes become offsets in characters, and back', () => {
    const answer = decodeWhole(chunkOf([{ text: grounded }], { finishReason: 'STOP', groundingMetadata }))
    const citations = [
      { url: 'https://a', title: 'A', start: 0, end: 17 },
      { url: 'https://a', title: 'A', start: 18, end: 28 },
      { title: 'B', quote: 'Bern …', start: 18, end: 28 },
    ]
    expect(answer.items).toEqual([{ ...text(grounded), citations }])
    const encoded = codec.encodeResponse({ ...answer, extensions: {} }, responseEncodingOf())
    const [candidate] = encoded['candidates'] as Json[]
    expect(candidate!['groundingMetadata']).toMatchObject({
      groundingChunks: groundingMetadata.groundingChunks,
      groundingSupports: [
        { segment: { startIndex: 0, endIndex: 19, text: 'Zürich ist schön.' } },
        { segment: { startIndex: 20, endIndex: 30, text: 'Bern auch.' } },
        { segment: { startIndex: 20, endIndex: 30, text: 'Bern auch.' } },
      ],
    })
    expect(decodeWhole(encoded).items).toEqual(answer.items)
    expect(collectEvents(decodeStream(encodeStream(eventsOf({ ...answer, extensions: {} })))).items).toEqual(
      answer.items,
    )
  })

  test('metadata of this dialect is given back as it came, sources in a stream after the finish reason too', () => {
    const stream = sse(
      chunkOf([{ text: grounded.slice(0, 9) }]),
      chunkOf([{ text: grounded.slice(9) }], { finishReason: 'STOP' }),
      chunkOf([], { groundingMetadata }),
    )
    const answer = collectEvents(decodeStream(stream))
    expect(answer).toEqual(decodeWhole(chunkOf([{ text: grounded }], { finishReason: 'STOP', groundingMetadata })))
    const [last] = wireChunks(encodeStream(eventsOf(answer))).at(-1)!['candidates'] as Json[]
    expect(last!['groundingMetadata']).toEqual(groundingMetadata)
  })

  test('a foreign citation of a whole text is one of its range', () => {
    const cited: Item = {
      kind: 'text',
      role: 'assistant',
      turn: 0,
      text: 'ö!',
      citations: [{ url: 'https://a', quote: 'q' }],
    }
    const [candidate] = codec.encodeResponse(answerOf([text('x'), cited]), responseEncodingOf())['candidates'] as Json[]
    expect(candidate!['groundingMetadata']).toEqual({
      groundingChunks: [{ retrievedContext: { uri: 'https://a', text: 'q' } }],
      groundingSupports: [{ segment: { startIndex: 1, endIndex: 4, text: 'ö!' }, groundingChunkIndices: [0] }],
    })
  })

  test('places that fit no text never break an answer', () => {
    const number = fc.oneof(fc.nat(40), fc.constant(-1), fc.constant(1e9))
    const support = fc.record({
      segment: fc.record({ startIndex: number, endIndex: number, text: fc.option(fc.string()) }),
      groundingChunkIndices: fc.array(fc.nat(3)),
    })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(support), (said, groundingSupports) => {
        const metadata = { ...groundingMetadata, groundingSupports }
        const { items } = decodeWhole(chunkOf([{ text: said }], { finishReason: 'STOP', groundingMetadata: metadata }))
        for (const item of items) {
          for (const { start, end } of item.kind === 'text' ? (item.citations ?? []) : []) {
            if (start === undefined || end === undefined) continue
            expect(start <= end && end <= said.length).toBe(true)
          }
        }
      }),
      RUNS,
    )
  })
})
