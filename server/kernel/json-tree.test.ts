// Byte ranges of a JSON text: they are where JSON.parse sees the values, and what is taken out leaves the rest as it
// was.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type JsonNode, memberOf, parseJsonTree, readJsonString, removeChildren } from './json-tree.ts'

const json = fc.jsonValue({ maxDepth: 5 })
/** Written with white space in odd places. */
const spaced = fc.tuple(json, fc.constantFrom(0, 1, '\t')).map(([value, space]) => JSON.stringify(value, null, space))

function valueOf(bytes: Buffer, node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      return Object.fromEntries(node.members.map(({ key, value }) => [key, valueOf(bytes, value)]))
    case 'array':
      return node.items.map((item) => valueOf(bytes, item))
    case 'string':
      return readJsonString(bytes, node)
    case 'scalar':
      return JSON.parse(bytes.toString('utf8', node.start, node.end))
  }
}

function apply(bytes: Buffer, edits: readonly { start: number; end: number; text: string }[]): string {
  let out = bytes
  for (const { start, end, text } of [...edits].sort((a, b) => b.start - a.start)) {
    out = Buffer.concat([out.subarray(0, start), Buffer.from(text), out.subarray(end)])
  }
  return out.toString('utf8')
}

describe('the tree', () => {
  test('says what JSON.parse says', () => {
    fc.assert(
      fc.property(spaced, (text) => {
        const bytes = Buffer.from(text)
        const node = parseJsonTree(bytes)
        // `__proto__` as a key is a setter in a literal, not in fromEntries: compare as text.
        expect(JSON.stringify(valueOf(bytes, node!))).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })

  test('is null for what JSON.parse refuses', () => {
    for (const text of [
      '',
      '{',
      '[1,]',
      '{"a":1,}',
      '{"a" 1}',
      '[1 2]',
      '{a:1}',
      '"x',
      '01',
      'nul',
      '{} {}',
      "['a']",
    ]) {
      expect([text, parseJsonTree(Buffer.from(text))]).toEqual([text, null])
    }
  })
})

describe('removal', () => {
  test('of any elements leaves the array of the others', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(json, fc.boolean()), { maxLength: 6 }), fc.constantFrom(0, 2), (list, space) => {
        const bytes = Buffer.from(
          JSON.stringify(
            list.map(([value]) => value),
            null,
            space,
          ),
        )
        const root = parseJsonTree(bytes)!
        const gone = new Set(root.kind === 'array' ? root.items.filter((_, at) => list[at]![1]) : [])
        const left = list.filter(([, isGone]) => !isGone).map(([value]) => value)
        expect(JSON.stringify(JSON.parse(apply(bytes, removeChildren(root, gone))))).toBe(JSON.stringify(left))
      }),
    )
  })

  test('of a member takes its key along and nothing else', () => {
    const text = '{ "a" : 1e400,\n  "b":[ 1 ], "ü" : 12345678901234567890 }'
    const bytes = Buffer.from(text)
    const root = parseJsonTree(bytes)!
    const without = (...keys: string[]): string =>
      apply(bytes, removeChildren(root, new Set(keys.map((key) => memberOf(root, key)!))))
    expect(without('a')).toBe('{ "b":[ 1 ], "ü" : 12345678901234567890 }')
    expect(without('b')).toBe('{ "a" : 1e400,\n  "ü" : 12345678901234567890 }')
    expect(without('ü')).toBe('{ "a" : 1e400,\n  "b":[ 1 ] }')
    expect(without('a', 'ü')).toBe('{ "b":[ 1 ] }')
    expect(without('a', 'b', 'ü')).toBe('{  }')
  })
})
