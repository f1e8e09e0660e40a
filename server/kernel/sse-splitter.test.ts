// Any byte split of a stream gives the same events.
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { RUNS } from '../../test/support/properties.ts'
import { createSseSplitter, EventTooLarge } from './sse-splitter.ts'

const event = fc.record({
  name: fc.option(fc.constantFrom('message', 'ping', 'response.completed'), { nil: null }),
  lines: fc.array(
    fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => text.replace(/[\r\n]/g, ' ')),
    { minLength: 1, maxLength: 3 },
  ),
})

function cut(bytes: Buffer, points: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...points.map((point) => point % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  )
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

describe('createSseSplitter', () => {
  test('any split, any line end, with and without a byte-order mark', () => {
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.boolean(),
        fc.array(fc.nat()),
        (events, lineEnd, mark, points) => {
          const text = events
            .map(({ name, lines }) =>
              [...(name ? [`event: ${name}`] : []), ...lines.map((line) => `data: ${line}`), '', ''].join(lineEnd),
            )
            .join('')
          const splitter = createSseSplitter()
          const seen = cut(Buffer.from((mark ? '\uFEFF' : '') + text), points).flatMap((part) => splitter.push(part))
          seen.push(...splitter.end())
          const wanted = events
            .map(({ name, lines }) => ({ event: name, data: lines.join('\n') }))
            .filter(({ event, data }) => event !== null || data !== '')
          expect(seen).toEqual(wanted)
        },
      ),
      RUNS,
    )
  })

  test('a last event without a line end is one of its own, also where the read ended between it and the CR before it', () => {
    const splitter = createSseSplitter()
    const pieces = ['data: one\r\r', 'data: ', '[DONE]'].map((text) => Buffer.from(text))
    const seen = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()]
    expect(seen.map(({ data }) => data)).toEqual(['one', '[DONE]'])
  })

  test('line ends of one kind and of several are read alike, however many of them stand there', () => {
    const read = (text: string): unknown => {
      const splitter = createSseSplitter()
      return [...splitter.push(Buffer.from(text)), ...splitter.end()]
    }
    const piece = fc.constantFrom('data: a', 'data:b', 'data: ', 'event: x', ': note', 'data', '\n', '\n', '\n')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = pieces.join('')
        expect(read(text)).toEqual(read(text.replaceAll('\n', '\r\n')))
        expect(read(text)).toEqual(read(text.replaceAll('\n', '\r')))
      }),
      RUNS,
    )
  })

  test('comments are no events, and a last event without its blank line counts', () => {
    const splitter = createSseSplitter()
    expect(splitter.push(Buffer.from(': hello\n\ndata: 1\n\ndata: 2'))).toEqual([{ event: null, data: '1' }])
    expect(splitter.end()).toEqual([{ event: null, data: '2' }])
  })

  test('an endless event is refused rather than held', () => {
    const splitter = createSseSplitter(1000)
    expect(() => {
      for (let at = 0; at < 20; at++) splitter.push(Buffer.alloc(100, 'x'))
    }).toThrow(EventTooLarge)
  })
})
