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

  test('references that multiply are stopped, ones that point nowhere are left out', () => {
    const names = Array.from({ length: 40 }, (_, index) => `D${index}`)
    const $defs = Object.fromEntries(
      names.map((name, index) => {
        const next = { $ref: `#/$defs/${names[index + 1] ?? 'end'}` }
        return [name, { type: 'object', properties: { a: next, b: next } }]
      }),
    )
    const { schema, losses } = inline({ $ref: '#/$defs/D0', $defs })
    expect(JSON.stringify(schema).length).toBeLessThan(5_000_000)
    expect(losses).toEqual(['approx=schema'])
    expect(inline({ $ref: '#/$defs/no%ZZ', description: 'd' })).toEqual({
      schema: { description: 'd' },
      losses: ['approx=schema'],
    })
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
