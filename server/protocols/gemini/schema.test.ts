// Schemas: references taken in, Gemini's own made JSON schemas. Invariant: every result can be written as JSON.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../../test/support/properties.ts'
import { createLossReport } from '../codec.ts'
import { inlineSchema, jsonSchemaOf } from './schema.ts'
import { encode, lossNames } from './testing.ts'

function inline(schema: unknown): { schema: unknown; losses: string[] } {
  const losses = createLossReport()
  return { schema: inlineSchema(schema, losses), losses: lossNames(losses) }
}

describe('references', () => {
  test('case 30: $schema, $ref, anyOf, const and uniqueItems become a body that is accepted and means the same', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $defs: { Tag: { type: 'string', const: 'a' } },
      type: 'object',
      properties: {
        tags: { type: 'array', items: { $ref: '#/$defs/Tag' }, uniqueItems: true },
        either: { anyOf: [{ $ref: '#/$defs/Tag', description: 'one' }, { type: 'null' }] },
      },
      required: ['tags'],
      additionalProperties: false,
    }
    const { body, losses } = encode({ tools: [{ kind: 'function', name: 'f', schema }] })
    expect(losses).toEqual([])
    expect(body['tools']).toEqual([
      {
        functionDeclarations: [
          {
            name: 'f',
            parametersJsonSchema: {
              type: 'object',
              properties: {
                tags: { type: 'array', items: { type: 'string', enum: ['a'] }, uniqueItems: true },
                either: { anyOf: [{ type: 'string', enum: ['a'], description: 'one' }, { type: 'null' }] },
              },
              required: ['tags'],
              additionalProperties: false,
            },
          },
        ],
      },
    ])
  })

  test('properties with the names of keywords are properties', () => {
    const schema = {
      type: 'object',
      properties: { $ref: { type: 'string' }, $schema: { type: 'string' }, const: { type: 'number' }, definitions: {} },
      required: ['$ref'],
    }
    expect(inline(schema)).toEqual({ schema, losses: [] })
  })

  test('a schema that contains itself ends, and is said to be cut', () => {
    const schema = {
      $ref: '#/definitions/Node',
      definitions: {
        Node: { type: 'object', properties: { next: { $ref: '#/definitions/Node' }, root: { $ref: '#' } } },
      },
    }
    const { schema: found, losses } = inline(schema)
    expect(found).toEqual({ type: 'object', properties: { next: { type: 'object' }, root: {} } })
    expect(losses).toEqual(['approx=schema'])
  })

  test('ones that point nowhere are left out', () => {
    expect(inline({ $ref: '#/$defs/no%ZZ', description: 'd' })).toEqual({
      schema: { description: 'd' },
      losses: ['approx=schema'],
    })
  })

  const NUMBERS = Array.from({ length: 4_000 }, (_, number) => number)
  const byName = (schema: unknown): Record<string, unknown> =>
    Object.fromEntries(NUMBERS.map((number) => [`p${number}`, schema]))
  const aRef = { $ref: '#/$defs/a' }
  const chain = Object.fromEntries(NUMBERS.map((number) => [`a${number}`, { $ref: `#/$defs/a${number + 1}` }]))
  const doubling = (levels: number): unknown => {
    const next = (level: number): unknown => (level === levels ? { type: 'string' } : { $ref: `#/$defs/d${level}` })
    const defs = Array.from({ length: levels }, (_, level) => [
      `d${level}`,
      { type: 'object', properties: { a: next(level + 1), b: next(level + 1) } },
    ])
    return { $ref: '#/$defs/d0', $defs: Object.fromEntries(defs) as unknown }
  }

  test.each([
    ['twice as much with each', doubling(40)],
    [
      'many times the same members',
      { properties: byName(aRef), $defs: { a: { properties: byName({ type: 'string' }) } } },
    ],
    ['many times the same list', { properties: byName(aRef), $defs: { a: { enum: NUMBERS } } }],
    ['many times the same words', { properties: byName(aRef), $defs: { a: { description: 'd'.repeat(9_000) } } }],
    [
      'many times the same name',
      { properties: byName(aRef), $defs: { a: { properties: { ['n'.repeat(9_000)]: {} } } } },
    ],
    ['many times one that contains itself', { properties: byName({ $ref: '#' }), description: 'd'.repeat(9_000) }],
    [
      'many times beside others',
      { $defs: { a: { properties: byName(true) } }, anyOf: NUMBERS.map(() => ({ ...aRef, title: 't' })) },
    ],
    [
      'many times a chain',
      {
        properties: byName({ $ref: '#/$defs/a0', title: 't' }),
        $defs: chain,
        anyOf: NUMBERS.map(() => ({ $ref: '#/$defs/a0' })),
      },
    ],
  ])('%s would grow without bound: refused, with what to do', { timeout: 4_000 }, (_what, schema) => {
    expect(() => inline(schema)).toThrow(
      expect.objectContaining({
        code: 'bad_request',
        message: expect.stringMatching(/\$ref.* 4 MiB. Refer to less/) as unknown,
      }),
    )
  })

  test('what the tools of a request and its format may grow by is one sum', () => {
    const tools = (count: number) =>
      NUMBERS.slice(0, count).map((at) => ({ kind: 'function' as const, name: `f${at}`, schema: doubling(10) }))
    expect(encode({ tools: tools(20) }).losses).toEqual([])
    expect(() => encode({ tools: tools(200) })).toThrow(/grow by more than/)
  })

  test('very many references to little are taken in; a chain of them is cut, however long', () => {
    const { schema, losses } = inline({ properties: byName(aRef), $defs: { a: { type: 'string' } } })
    expect(schema).toEqual({ properties: byName({ type: 'string' }) })
    expect(losses).toEqual([])
    expect(inline({ $ref: '#/$defs/a0', $defs: { ...chain } }).losses).toEqual(['approx=schema'])
  })

  test('whatever a schema is, it comes out without references', () => {
    const key = fc.constantFrom('type', 'properties', 'items', 'anyOf', '$ref', '$defs', 'const', 'enum', 'a')
    const { schema } = fc.letrec<{ schema: unknown }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('#', '#/$defs/a', '#/properties/a', '#/items', 'x', 1, true, null),
        fc.array(tie('schema'), { maxLength: 3 }),
        fc.dictionary(key, tie('schema'), { maxKeys: 4 }),
      ),
    }))
    fc.assert(
      fc.property(schema, (value) => {
        JSON.stringify(inlineSchema(value, createLossReport()))
        JSON.stringify(jsonSchemaOf(value))
      }),
      RUNS,
    )
  })
})

test('Gemini’s own schemas become JSON schemas', () => {
  const own = {
    type: 'OBJECT',
    properties: {
      name: { type: 'STRING', nullable: true, enum: ['a'] },
      count: { type: 'INTEGER', minimum: '1', format: 'int32' },
      list: { type: 'ARRAY', items: { type: 'NUMBER' }, min_items: '2' },
      any: { anyOf: [{ type: 'STRING' }, { type: 'BOOLEAN' }], nullable: true },
      nullable: { type: 'TYPE_UNSPECIFIED' },
    },
    propertyOrdering: ['count', 'name'],
    required: ['name'],
  }
  expect(jsonSchemaOf(own)).toEqual({
    type: 'object',
    properties: {
      name: { type: ['string', 'null'], enum: ['a', null] },
      count: { type: 'integer', minimum: 1, format: 'int32' },
      list: { type: 'array', items: { type: 'number' }, minItems: 2 },
      any: { anyOf: [{ type: 'string' }, { type: 'boolean' }, { type: 'null' }] },
      nullable: {},
    },
    required: ['name'],
  })
})
