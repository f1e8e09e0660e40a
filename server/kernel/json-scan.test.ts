// The scanner against JSON.parse: same values, wherever the text is cut.
import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { scanJsonObject, spliceChunks, textOfChunks } from './json-scan.ts'

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
        const spliced = Buffer.concat(spliceChunks(chunks, range.start, range.end, Buffer.from(JSON.stringify(after))))
        expect(spliced.toString()).toBe(JSON.stringify({ ...source, model: after }))
      }),
      { numRuns: 300 },
    )
  })

  test('a key written with escapes is still that key', () => {
    const scan = scanJsonObject([Buffer.from('{"mod\\u0065l":"a"}')], WANTED)
    expect(scan.values.has('model')).toBe(true)
  })

  test('names a wanted key that stands there twice', () => {
    expect(scanJsonObject([Buffer.from('{"model":"a","x":1,"model":"b"}')], WANTED).duplicate).toBe('model')
    expect(scanJsonObject([Buffer.from('{"x":{"model":"a"},"model":"b"}')], WANTED).duplicate).toBe(null)
  })

  test.each(['', '[]', '{"a":1', '{"a":"', '{}x', '{}{}', 'null', '"{}"', '{"a":[}', '{]'])(
    '%j is not a complete object',
    (text) => {
      const scan = scanJsonObject([Buffer.from(text)], WANTED)
      const valid = scan.complete && isObject(text)
      expect(valid).toBe(false)
    },
  )

  test('measures depth', () => {
    const text = '{"a":'.repeat(200) + '1' + '}'.repeat(200)
    expect(scanJsonObject([Buffer.from(text)], WANTED).depth).toBe(200)
  })
})

function isObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object'
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
