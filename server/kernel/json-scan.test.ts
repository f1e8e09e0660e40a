// The scanner against JSON.parse: same values, wherever the text is cut.
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { editChunks, scanJsonObject, textOfChunks } from './json-scan.ts'

const WANTED = new Set(['model', 'stream', 'usage'])

function cut(bytes: Uint8Array, points: readonly number[]): Uint8Array[] {
  const edges = [...new Set([0, ...points.map((point) => point % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  )
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

const anyObject = fc.dictionary(
  fc.oneof(fc.constantFrom('model', 'stream', 'usage', 'm"odel', 'mod\\el', 'é'), fc.string({ unit: 'binary' })),
  fc.jsonValue(),
)

describe('scanJsonObject', () => {
  test('finds the same values as JSON.parse in any spelling and any split', () => {
    fc.assert(
      fc.property(anyObject, fc.array(fc.nat()), fc.constantFrom(0, 1, '\t', '\r\n '), (object, points, indent) => {
        const text = JSON.stringify(object, null, indent)
        const chunks = cut(Buffer.from(text), points)
        const scan = scanJsonObject(chunks, WANTED)
        expect(scan.complete).toBe(true)
        for (const name of WANTED) {
          const range = scan.values.get(name)
          expect(range === undefined).toBe(!Object.hasOwn(object, name))
          if (range) {
            const parsed: unknown = JSON.parse(textOfChunks(chunks, range.start, range.end))
            expect(parsed).toEqual(JSON.parse(JSON.stringify(object[name])))
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('replacing the model changes the model and nothing else', () => {
    fc.assert(
      fc.property(anyObject, fc.string(), fc.string(), fc.array(fc.nat()), (object, before, after, points) => {
        const source = { ...object, model: before }
        const chunks = cut(Buffer.from(JSON.stringify(source)), points)
        const range = scanJsonObject(chunks, WANTED).values.get('model')!
        const spliced = Buffer.concat(editChunks(chunks, [{ ...range, text: JSON.stringify(after) }]))
        expect(spliced.toString()).toBe(JSON.stringify({ ...source, model: after }))
      }),
      { numRuns: 300 },
    )
  })

  test('ranges are replaced as they stood, in any order and any number', () => {
    const chunks = [Buffer.from('ab'), Buffer.from('cdefgh')]
    const edits = [
      { start: 6, end: 8, text: '' },
      { start: 1, end: 3, text: 'XYZ' },
      { start: 4, end: 4, text: '+' },
    ]
    expect(Buffer.concat(editChunks(chunks, edits)).toString()).toBe('aXYZd+ef')
    expect(editChunks(chunks, [])).toEqual(chunks)
    const many = Array.from({ length: 200_000 }, (_, at) => ({ start: 10 * at, end: 10 * at + 9, text: 'y' }))
    expect(Buffer.concat(editChunks([Buffer.alloc(2_000_000, 'x')], many)).toString()).toBe('yx'.repeat(200_000))
  })

  test('a key written with escapes is still that key', () => {
    const scan = scanJsonObject([Buffer.from('{"mod\\u0065l":"a"}')], WANTED)
    expect(scan.values.has('model')).toBe(true)
  })

  test('what is malformed has no value, wherever the text is cut', () => {
    const bytes = Buffer.from('{"model":"x","stream":tfalse }')
    const scans = [[bytes], Array.from(bytes, (byte) => Buffer.of(byte))].map((chunks) =>
      scanJsonObject(chunks, WANTED),
    )
    expect(scans.map(({ complete, values }) => [complete, [...values.keys()]])).toEqual([
      [false, ['model']],
      [false, ['model']],
    ])
  })

  test('names a wanted key that stands there twice', () => {
    expect(scanJsonObject([Buffer.from('{"model":"a","x":1,"model":"b"}')], WANTED).duplicate).toBe('model')
    expect(scanJsonObject([Buffer.from('{"x":{"model":"a"},"model":"b"}')], WANTED).duplicate).toBe(null)
  })

  test('of a key that stands there twice the last value counts, as everywhere', () => {
    const bytes = Buffer.from('{"usage":{"n":1},"usage":{"n":2},"x":0}')
    const { start, end } = scanJsonObject([bytes], WANTED).values.get('usage')!
    expect(JSON.parse(bytes.toString('utf8', start, end))).toEqual(JSON.parse(bytes.toString()).usage)
  })

  test.each(['', '[]', '{"a":1', '{"a":"', '{}x', '{}{}', 'null', '"{}"', '{"a":[}', '{]'])(
    '%j is not a complete object',
    (text) => {
      const scan = scanJsonObject([Buffer.from(text)], WANTED)
      const valid = scan.complete && isObject(text)
      expect(valid).toBe(false)
    },
  )

  test('a key is found however much of it is escaped', () => {
    const name = 'previous_response_id'
    const escaped = [...name].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
    const scan = scanJsonObject([Buffer.from(`{"${escaped}":"a"}`)], new Set([name]))
    expect(scan.complete && scan.values.has(name)).toBe(true)
  })

  // What a lenient parser takes for a key or a value, and JSON does not: it could see another model than we do.
  test.each([
    '{"model":"a",}',
    '{,"model":"a"}',
    '{"model":"a",,"x":1}',
    '{model:"a"}',
    "{'model':'a'}",
    '{"x":\'"\',"model":"a"}',
    '{"x":[\'"\'],"model":"a","y":[\'"\']}',
    '{"x":1/*"*/,"model":"a"/*"*/}',
    '{"x":1 //",\n"model":"a"}',
    '{"x":1 #",\n"model":"a"}',
    '{"model" "a"}',
    '{"model":"a" "x":1}',
    '{"model"::"a"}',
    '{"model":}',
    '{"model"}',
    '{:"a"}',
    '{"model":"a":"b"}',
    '{"model":"a""b"}',
    '{"x":1 2}',
    '{"x":{}1}',
    '{"x":{}"model":"a"}',
    '{"x":1"model":"a"}',
    '{"x":NaN}',
    '{"x":01}',
    '{"x":+1}',
    '{"x":.5}',
    '{"x":1.}',
    '{"x":tru}',
    '{"x":undefined}',
    '{1:"a"}',
    '{null:"a"}',
    '{{}:"a"}',
    '{[]}',
    '{"x":[},"model":"a"]}',
    '{"x":[{]}}',
    '{"\\model":"a"}',
    '{"mod\\u00zzel":"a"}',
  ])('%j is malformed where it matters', (text) => {
    const bytes = Buffer.from(text)
    expect(isObject(text)).toBe(false)
    expect(scanJsonObject([bytes], WANTED).complete).toBe(false)
    const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))
    expect(scanJsonObject(single, WANTED).complete).toBe(false)
  })

  test('whatever JSON.parse takes for an object is complete, and what it refuses at the top level is not', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      ' ',
      '\n',
      "'",
      '"',
      '/',
      '"model"',
      '"stream"',
      '"a\\"b"',
      '"\\u006d"',
      'model',
      '1',
      '-0.5e+3',
      '0',
      '-',
      'true',
      'null',
      '{"model":1}',
      '["x",{"y":[]}]',
    )
    const flat = fc.array(token, { maxLength: 9 }).map((tokens) => `{${tokens.join('')}}`)
    const mangled = fc.tuple(anyObject, fc.nat(), token, fc.boolean()).map(([object, at, insert, removes]) => {
      const text = JSON.stringify(object)
      const place = at % text.length
      return text.slice(0, place) + (removes ? '' : insert) + text.slice(place + (removes ? 1 : 0))
    })
    fc.assert(
      fc.property(fc.oneof(flat, mangled), fc.array(fc.nat()), (text, points) => {
        const chunks = cut(Buffer.from(text), points)
        const scan = scanJsonObject(chunks, WANTED)
        if (isObject(text)) {
          expect(scan.complete).toBe(true)
          const parsed = JSON.parse(text) as Record<string, unknown>
          for (const name of WANTED) {
            const range = scan.values.get(name)
            expect(range !== undefined).toBe(Object.hasOwn(parsed, name))
            if (range) expect(JSON.parse(textOfChunks(chunks, range.start, range.end))).toEqual(parsed[name])
          }
        } else if (scan.complete) {
          // Faults inside a value are left to others; with the nested values taken out, nothing may be wrong.
          expect(isObject(blankNested(text))).toBe(true)
        }
      }),
      { numRuns: 5_000 },
    )
  })

  test('measures depth', () => {
    const text = '{"a":'.repeat(200) + '1' + '}'.repeat(200)
    expect(scanJsonObject([Buffer.from(text)], WANTED).depth).toBe(200)
  })
})

/** The text with every value of the top level that has brackets, or quotes, put as `[]` and `""`. */
function blankNested(text: string): string {
  let blank = ''
  let depth = 0
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\[^])*"|[^]/g)) {
    if (/^[}\]]$/.test(part)) depth--
    if (depth <= 1)
      blank +=
        depth === 1 && /^[{[]$/.test(part)
          ? '['
          : depth === 1 && /^[}\]]$/.test(part)
            ? ']'
            : part[0] === '"'
              ? '""'
              : part
    if (/^[{[]$/.test(part)) depth++
  }
  return blank
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
