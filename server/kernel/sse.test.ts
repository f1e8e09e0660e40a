// The tap says the same for every split of a stream, whatever its line ends.
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { RUNS } from '../../test/support/properties.ts'
import { endOfEvent, findFirstEvent, parseSseEvent, SseTap } from './sse.ts'

const event = fc.oneof(
  fc
    .string({ unit: 'grapheme', maxLength: 400 })
    .map((text) => ({ text: `data: ${JSON.stringify({ text })}`, real: true })),
  fc.constant({ text: 'event: message_start\ndata: {"type":"message_start"}', real: true }),
  fc.constant({ text: ': keep-alive', real: false }),
  fc.constant({ text: 'event: ping\ndata: {"type": "ping"}', real: false }),
)
const stream = fc.tuple(fc.array(event, { minLength: 1 }), fc.constantFrom('\n', '\r\n', '\r'))

function render(events: readonly { text: string }[], lineEnd: string): Buffer {
  return Buffer.from(events.map(({ text }) => text.replaceAll('\n', lineEnd) + lineEnd + lineEnd).join(''))
}

function cut(bytes: Buffer, points: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...points.map((point) => point % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  )
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

describe('SseTap', () => {
  test('any split gives the same progress, last head and tail', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat()), ([events, lineEnd], points) => {
        const bytes = render(events, lineEnd)
        const whole = new SseTap()
        const anyProgress = whole.push(bytes)
        const parts = new SseTap()
        const progress = cut(bytes, points).map((part) => parts.push(part))
        expect(anyProgress).toBe(events.some(({ real }) => real))
        expect(progress.some(Boolean)).toBe(anyProgress)
        expect(parts.lastEventHead).toBe(whole.lastEventHead)
        expect(whole.atBoundary && parts.atBoundary).toBe(true)
        expect(parts.tail.slice(-1_000)).toBe(whole.tail.slice(-1_000))
      }),
      RUNS,
    )
  })

  test('bytes that came one by one say the same as any reads of them, at every moment', () => {
    const piece = fc.constantFrom('\n', '\n\n', '\n\n\n', '\r', '\r\n', ': hi', 'data: 1', 'event: ping', 'id: 7', 'x')
    const long = fc.string({ unit: 'grapheme', maxLength: 6_000 }).map((text) => `data: ${text}\n\n`)
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 20, arbitrary: piece }, long)), fc.array(fc.nat()), (pieces, points) => {
        const single = new SseTap()
        const joined = new SseTap()
        for (const part of cut(Buffer.from(pieces.join('')), points)) {
          let progress = false
          for (const byte of part) if (single.push(Buffer.of(byte))) progress = true
          expect(joined.push(part)).toBe(progress)
          expect(joined.atBoundary).toBe(single.atBoundary)
          expect(joined.lastEventHead).toBe(single.lastEventHead)
          expect(joined.tail.slice(-1_000)).toBe(single.tail.slice(-1_000))
        }
      }),
      RUNS,
    )
  })

  test('inside an event there is no boundary', () => {
    fc.assert(
      fc.property(stream, fc.nat(), ([events, lineEnd], at) => {
        const bytes = render(events, lineEnd)
        const first = endOfEvent(bytes, 0)
        const inside = 1 + (at % Math.max(1, (first === -1 ? bytes.length : first) - lineEnd.length * 2 - 1))
        const tap = new SseTap()
        tap.push(bytes.subarray(0, inside))
        expect(tap.atBoundary).toBe(false)
      }),
    )
  })

  test('a mark is seen in any split, and only where there is one', () => {
    const marks = ['"end":', ' x"', 'xx']
    const piece = fc.constantFrom('"', '"end', '"end":', '"end": ', 'end":', '":', ' ', 'x', 'data: {}', '\n')
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.nat(), { maxLength: 30 }), (pieces, points) => {
        const bytes = Buffer.from(pieces.join(''))
        const tap = new SseTap(marks)
        let passed = ''
        for (const part of cut(bytes, points)) {
          tap.push(part)
          passed += part.toString()
          expect(tap.marked).toBe(marks.some((mark) => passed.includes(mark)))
        }
      }),
      { numRuns: 4 * RUNS.numRuns },
    )
  })

  test('of a last event of some kilobytes, come at once, the beginning is still known', () => {
    const tap = new SseTap()
    tap.push(Buffer.from(`data: ${'x'.repeat(20_000)}\n\n`))
    tap.push(Buffer.from(`data: {"usage":{"prompt_tokens":7},"results":"${'y'.repeat(12_000)}"}\n\n`))
    expect(tap.tail).toContain('"prompt_tokens":7')
  })

  test('the head of an event far longer than a read is kept', () => {
    const tap = new SseTap()
    tap.push(Buffer.from('event: response.completed\ndata: {"type":"response.completed","x":"'))
    for (let index = 0; index < 50; index++) tap.push(Buffer.alloc(1000, 'y'))
    tap.push(Buffer.from('"}\n\n'))
    expect(tap.lastEventHead).toMatch(/^event: response\.completed\ndata: \{"type":"response\.completed"/)
    expect(tap.atBoundary).toBe(true)
  })
})

test('the tail is the end of all that passed, however large its reads were', () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom(4_096, 8_191, 8_192, 8_193, 65_536))
  fc.assert(
    fc.property(fc.array(sizes, { minLength: 1, maxLength: 8 }), (lengths) => {
      const tap = new SseTap()
      let [all, next] = ['', 0]
      for (const length of lengths) {
        const read = Array.from({ length }, () => String.fromCharCode(97 + (next++ % 23))).join('')
        const bytes = Buffer.from(read)
        tap.push(bytes)
        // Its memory is used for something else.
        if (length >= 8_192) bytes.fill('!')
        all += read
        expect(all.endsWith(tap.tail)).toBe(true)
        expect(tap.tail.length).toBeGreaterThanOrEqual(Math.min(all.length, 4_096))
        expect(tap.tail.length).toBeLessThanOrEqual(16_384)
      }
    }),
    { ...RUNS, numRuns: 50 },
  )
})

describe('findFirstEvent', () => {
  test('skips heartbeats and waits for the whole first event', () => {
    const text = ': hi\r\n\r\nevent: ping\r\ndata: {}\r\n\r\ndata: {"a":1}\r\n\r\ndata: 2\r\n\r\n'
    for (let length = 0; length <= text.length; length++) {
      const found = findFirstEvent(Buffer.from(text.slice(0, length)))
      const complete = length >= text.indexOf('data: 2')
      if (complete) expect(parseSseEvent(found!.text)).toEqual({ event: null, data: '{"a":1}' })
      else if (length < text.indexOf('data: 2') - 1) expect(found).toBe(null)
    }
  })
})
