import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../test/support/properties.ts'
import { nameOfField, readRefusedParts, removeFields } from './refused-parts.ts'

describe('what a refusal names', () => {
  test.each([
    ['context_management: Extra inputs are not permitted', ['context_management'], []],
    [
      'tools.0.custom.defer_loading: Extra inputs are not permitted\nmessages.12.content.0.caller: Extra inputs are not permitted',
      ['tools.*.custom.defer_loading', 'messages.*.content.*.caller'],
      [],
    ],
    [
      'Invalid JSON payload received. Unknown name "thinkingLevel" at \'generation_config.thinking_config\': Cannot find field.',
      ['generation_config.thinking_config.thinkingLevel'],
      [],
    ],
    [
      'Unknown name "response" at \'tools[0].function_declarations[1]\': Cannot find field.',
      ['tools.*.function_declarations.*.response'],
      [],
    ],
    [
      'Unexpected value(s) `context-management-2025-06-27`, `effort-2025-11-24` for the `anthropic-beta` header. Please consult our documentation.',
      [],
      ['context-management-2025-06-27', 'effort-2025-11-24'],
    ],
  ])('%s', (message, fields, betas) => {
    expect(readRefusedParts(message)).toEqual({ fields, betas })
  })

  test.each([
    'messages: Extra inputs are not permitted',
    'tools.0.input_schema: Extra inputs are not permitted',
    'tool_choice: Extra inputs are not permitted',
    'output_config.format: Extra inputs are not permitted',
    'max_tokens: Field required',
    '',
  ])('%j names nothing that may be left out', (message) => {
    expect(readRefusedParts(message)).toBeNull()
  })

  test('has a name in the warnings', () => {
    expect(nameOfField('context_management')).toBe('context_management')
    expect(nameOfField('tools.*.custom.defer_loading')).toBe('defer_loading')
    expect(nameOfField('tools.*.odd')).toBe('tool_fields')
    expect(nameOfField('messages.*.content.*.caller')).toBe('message_fields')
    expect(nameOfField('odd')).toBe('other_fields')
  })
})

describe('taking it out', () => {
  const without = (body: unknown, ...fields: string[]) => {
    const { body: bytes, removed } = removeFields([Buffer.from(JSON.stringify(body))], new Set(fields))
    return { body: JSON.parse(Buffer.concat(bytes).toString('utf8')) as unknown, removed }
  }

  test('leaves the rest byte for byte', () => {
    const text = '{ "a" : 1.0,\n "context_management":{"edits":[{}]} , "b":"ä\\u00e4" }'
    const { body } = removeFields(
      [Buffer.from(text.slice(0, 9)), Buffer.from(text.slice(9))],
      new Set(['context_management']),
    )
    expect(Buffer.concat(body).toString('utf8')).toBe('{ "a" : 1.0,\n "b":"ä\\u00e4" }')
  })

  test('works in every place of a list, past the name of a kind of block, and in either spelling', () => {
    const tools = [{ name: 'a', defer_loading: true }, { name: 'b' }, { defer_loading: false, name: 'c' }]
    expect(without({ tools }, 'tools.*.custom.defer_loading')).toEqual({
      body: { tools: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] },
      removed: ['tools.*.custom.defer_loading'],
    })
    const config = { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true } } }
    expect(without(config, 'generation_config.thinking_config.thinkingLevel').body).toEqual({
      generationConfig: { thinkingConfig: { includeThoughts: true } },
    })
  })

  test('leaves to one kind of block what another may not have', () => {
    const manual = { thinking: { type: 'enabled', budget_tokens: 2000 } }
    expect(without(manual, 'thinking.adaptive.budget_tokens')).toEqual({ body: manual, removed: [] })
    const adaptive = { thinking: { type: 'adaptive', budget_tokens: 2000 } }
    expect(without(adaptive, 'thinking.adaptive.budget_tokens').body).toEqual({ thinking: { type: 'adaptive' } })
  })

  test('says what was there; a schema that the answer must fit stays', () => {
    expect(without({ a: 1, b: { c: 2 } }, 'b', 'b.c', 'd', 'a.*')).toEqual({ body: { a: 1 }, removed: ['b', 'b.c'] })
    const body = { output_config: { effort: 'high', format: { type: 'json_schema' } } }
    expect(without(body, 'output_config')).toEqual({ body, removed: [] })
  })

  test('any set of fields out of any body leaves JSON with just these gone', () => {
    const keys = fc.constantFrom('a', 'b', 'c', 'd')
    const inner = fc.dictionary(keys, fc.oneof(fc.integer(), fc.string()))
    const anyBody = fc.dictionary(keys, fc.oneof(fc.integer(), inner))
    const anyFields = fc.uniqueArray(
      fc.oneof(
        keys,
        fc.tuple(keys, keys).map((path) => path.join('.')),
      ),
    )
    fc.assert(
      fc.property(anyBody, anyFields, (body, fields) => {
        const expected = structuredClone(body) as Record<string, unknown>
        for (const path of fields) {
          const [outer, within] = path.split('.') as [string, string?]
          const value = expected[outer]
          if (within === undefined) delete expected[outer]
          // Where nothing is called by the first step, it is taken for the name of a kind.
          else if (!Object.hasOwn(body, outer)) delete expected[within]
          else if (typeof value === 'object' && value !== null) delete (value as Record<string, unknown>)[within]
        }
        expect(without(body, ...fields).body).toEqual(expected)
      }),
      RUNS,
    )
  })
})
