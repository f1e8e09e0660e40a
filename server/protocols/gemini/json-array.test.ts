// Streams framed as one JSON array: written around a stream's events, taken apart at any byte.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answers } from '../../../test/support/gemini-arbitraries.ts'
import { RUNS } from '../../../test/support/properties.ts'
import { eventsOf } from '../collect.ts'
import { createJsonArrayFraming, createJsonArraySplitter } from './json-array.ts'
import { codec, encodeStream, eventsOfStream, responseEncodingOf, sse } from './testing.ts'

describe('JSON-array streams', () => {
  test('law 4: any byte split gives the same elements', () => {
    const elements = fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { minKeys: 1 }), {
      maxLength: 5,
    })
    fc.assert(
      fc.property(elements, fc.array(fc.nat(400), { maxLength: 12 }), fc.boolean(), (values, cuts, pretty) => {
        const framing = createJsonArrayFraming()
        const framed = framing.open + values.map((value) => framing.wrap(sse(value))).join('') + framing.close
        expect(JSON.parse(framed)).toEqual(JSON.parse(JSON.stringify(values)))
        const bytes = Buffer.from(pretty ? JSON.stringify(values, null, 1) : framed)
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length]
        const splitter = createJsonArraySplitter()
        const texts = places.flatMap((place, index) => splitter.push(bytes.subarray(places[index - 1] ?? 0, place)))
        expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(JSON.parse(JSON.stringify(values)))
        expect([splitter.complete, splitter.pending]).toEqual([true, 0])
      }),
      RUNS,
    )
  })

  test('a stream in an array decodes as the stream does', () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const framing = createJsonArrayFraming()
        const pieces = [...eventsOf(answer)].reduce(
          ({ encoder, text }, event) => ({ encoder, text: text + framing.wrap(encoder.push(event)) }),
          { encoder: codec.streamEncoder(responseEncodingOf()), text: framing.open },
        )
        const elements = createJsonArraySplitter().push(Buffer.from(pieces.text + framing.close))
        const stream = encodeStream(eventsOf(answer))
        expect(elements).toEqual(eventsOfStream(stream).map(({ data: text }) => text))
      }),
      RUNS,
    )
  })

  test('a single object counts as its own element, and what is cut is not complete', () => {
    const alone = createJsonArraySplitter()
    expect(alone.push(Buffer.from('{"error":{"code":400}}'))).toEqual(['{"error":{"code":400}}'])
    expect(alone.complete).toBe(true)
    const cut = createJsonArraySplitter()
    expect(cut.push(Buffer.from('[{"a":1},{"b":'))).toEqual(['{"a":1}'])
    expect([cut.complete, cut.pending]).toEqual([false, 5])
  })
})
