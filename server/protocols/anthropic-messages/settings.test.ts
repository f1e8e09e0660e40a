// Tools, schemas, thinking and the rest of a request, with the regression cases of the protocol design by their
// numbers.
import { describe, expect, test } from 'vitest'
import type { ChatRequest, Item } from '../canonical.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { collectEvents } from '../collect.ts'
import { reportForeignFields } from '../foreign.ts'
import { createToolNames } from '../tool-names.ts'
import { decodeCountTokensRequest, encodeCountTokensRequest } from './count-tokens.ts'
import { fitSchema } from './schema.ts'
import {
  BUDGET_PROFILE,
  closing,
  codec,
  decode,
  decodeStream,
  decodingOf,
  delta,
  encode,
  encodingOf,
  ending,
  f,
  hash8,
  lossNames,
  opening,
  PROFILE,
  requestOf,
  sse,
  START,
  user,
} from './testing.ts'

describe('tools', () => {
  test('case 31: a freeform tool is a function of one text, and its call is unwrapped', () => {
    const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: "x"' }
    const { body, toolNames } = encode({
      tools: [{ kind: 'freeform', name: 'apply_patch', description: 'Edits.', grammar }],
    })
    expect(body['tools']).toMatchObject([
      {
        name: 'apply_patch',
        description: 'Edits.\n\nThe input must follow this lark grammar:\nstart: "x"',
        input_schema: { properties: { input: { type: 'string' } } },
      },
    ])
    const start = opening(0, { type: 'tool_use', id: 'a', name: 'apply_patch', input: {} })
    const piece = (partial_json: string) => delta(0, { type: 'input_json_delta', partial_json })
    const stream = sse(START, start, piece('{"input":"*** Be'), piece('gin\\n"}'), closing(0), ...ending('tool_use'))
    expect(collectEvents(decodeStream(stream, decodingOf(toolNames))).items).toMatchObject([
      { kind: 'call', name: 'apply_patch', style: 'freeform', argsText: '*** Begin\n' },
    ])
    const items: Item[] = [
      user('go'),
      { kind: 'call', turn: 1, id: 'a', name: 'apply_patch', argsText: 'raw', style: 'freeform' },
    ]
    expect((encode({ items }).body['messages'] as any[])[1].content[0].input).toEqual({ input: 'raw' })
  })

  test('case 32: a namespace is flattened and comes back on the call', () => {
    const { body, toolNames } = encode({
      tools: [{ ...f, namespace: 'ns' }],
      toolChoice: { mode: 'named', name: 'f', namespace: 'ns' },
    })
    expect(body).toMatchObject({ tools: [{ name: 'ns__f' }], tool_choice: { type: 'tool', name: 'ns__f' } })
    const block = { type: 'tool_use', id: 'a', name: 'ns__f', input: {} }
    const { items } = codec.decodeResponse({ content: [block], stop_reason: 'tool_use' }, decodingOf(toolNames))
    expect(items).toMatchObject([{ kind: 'call', name: 'f', namespace: 'ns' }])
  })

  test('case 38: forced choice goes without thinking, at effort high at most', () => {
    const forced = { tools: [f], toolChoice: { mode: 'required' } } as const
    const { body, losses } = encode({ ...forced, reasoning: { effort: 'max' } })
    expect(body).toMatchObject({
      tool_choice: { type: 'any' },
      thinking: { type: 'disabled' },
      output_config: { effort: 'high' },
    })
    expect(losses).toEqual(['approx=thinking'])
    const manual = encode({ ...forced, reasoning: { budget: 2000 } }, { profile: BUDGET_PROFILE })
    expect(manual.body['thinking']).toEqual({ type: 'disabled' })
    const always = encode(
      { ...forced, reasoning: { effort: 'max' } },
      { profile: { ...PROFILE, canDisableThinking: false } },
    )
    expect(always.body).toMatchObject({ tool_choice: { type: 'any' }, thinking: { type: 'adaptive' } })
  })

  test('case 38: none with parallel off, and parallel off alone, are valid', () => {
    expect(encode({ tools: [f], toolChoice: { mode: 'none' }, parallel: false }).body['tool_choice']).toEqual({
      type: 'none',
    })
    expect(encode({ tools: [f], parallel: false }).body['tool_choice']).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true,
    })
    expect(encode({ parallel: false }).body).not.toHaveProperty('tool_choice')
  })

  test('allowed tools are the list', () => {
    const g = { ...f, name: 'g' }
    const { body } = encode({ tools: [f, g], toolChoice: { mode: 'allowed', names: ['g'], required: true } })
    expect(body).toMatchObject({ tools: [{ name: 'g' }], tool_choice: { type: 'any' } })
  })

  test('case 45: a foreign built-in beside a function is dropped, alone or forced refused', () => {
    const builtins = [{ protocol: 'openai-responses', kind: 'other', name: 'image_generation', raw: {} }] as const
    expect(encode({ tools: [f], builtins }).losses).toEqual(['dropped=builtin_tools'])
    expect(() => encode({ builtins })).toThrow(CannotCross)
    expect(() => encode({ tools: [f], builtins, toolChoice: { mode: 'named', name: 'image_generation' } })).toThrow(
      CannotCross,
    )
  })

  test('web search of another dialect is web search', () => {
    const raw = {
      type: 'web_search',
      filters: { allowed_domains: ['a.com'] },
      user_location: { type: 'approximate', city: 'Ulm' },
    }
    const { body } = encode({
      builtins: [{ protocol: 'openai-responses', kind: 'web_search', name: 'web_search', raw }],
    })
    expect(body['tools']).toEqual([
      {
        type: 'web_search_20250305',
        name: 'web_search',
        allowed_domains: ['a.com'],
        user_location: {
          type: 'approximate',
          city: 'Ulm',
        },
      },
    ])
  })

  test('deferred tools, callers and server tools come back as they were', () => {
    const tools = [
      { name: 'f', input_schema: { type: 'object' }, defer_loading: true, input_examples: [{ x: 1 }] },
      { type: 'tool_search_tool_bm25_20251119', name: 'tool_search' },
      { type: 'mcp_toolset', mcp_server_name: 'm' },
    ]
    const messages = [
      { role: 'user', content: 'go' },
      {
        role: 'assistant',
        content: [
          { type: 'server_tool_use', id: 's', name: 'tool_search', input: {} },
          {
            type: 'tool_search_tool_result',
            tool_use_id: 's',
            content: { type: 'tool_search_tool_search_result', tool_references: [] },
          },
          {
            type: 'tool_use',
            id: 't',
            name: 'f',
            input: {},
            caller: { type: 'code_execution_20250825', tool_id: 's' },
          },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'tool_reference', tool_name: 'f' }] }],
      },
    ]
    const more = { mcp_servers: [{ name: 'm' }], container: 'c', context_management: { edits: [] }, speed: 'fast' }
    const request = decode({ tools, messages, max_tokens: 5, ...more })
    expect(encode(request).body).toEqual({ model: 'claude-opus-5', max_tokens: 5, tools, messages, ...more })
    expect(request.items.at(-1)).toMatchObject({ kind: 'result', parts: [{ kind: 'text', text: 'Tool loaded: f' }] })
  })

  test('case 37: context_management is lost elsewhere, mcp_servers and container are refused', () => {
    const messages = [{ role: 'user', content: 'hi' }]
    const losses = createLossReport()
    reportForeignFields(decode({ messages, context_management: { edits: [{}] }, speed: 'fast' }), 'gemini', losses)
    expect(lossNames(losses)).toEqual(['dropped=context_management', 'dropped=speed'])
    for (const field of ['mcp_servers', 'container']) {
      expect(() => reportForeignFields(decode({ messages, [field]: ['x'] }), 'gemini', losses)).toThrow(CannotCross)
    }
  })
})

describe('schemas', () => {
  test('keywords the provider does not know are said in words, oneOf is anyOf, objects are closed', () => {
    const schema = {
      $schema: 'x',
      type: 'object',
      properties: {
        minimum: { type: 'number', description: 'A number', minimum: 1, maximum: 9 },
        s: { oneOf: [{ type: 'string', pattern: '^a' }, { type: 'null' }] },
        l: { type: 'array', items: { $ref: '#/$defs/o' }, minItems: 1, maxItems: 3 },
        d: { type: 'string', format: 'date' },
      },
      $defs: { o: { type: 'object', properties: {} } },
      required: ['s'],
    }
    expect(fitSchema(schema)).toEqual({
      changed: true,
      schema: {
        type: 'object',
        properties: {
          minimum: { type: 'number', description: 'A number\n\n{minimum: 1, maximum: 9}' },
          s: { anyOf: [{ type: 'string', description: '{pattern: "^a"}' }, { type: 'null' }] },
          l: { type: 'array', items: { $ref: '#/$defs/o' }, minItems: 1, description: '{maxItems: 3}' },
          d: { type: 'string', format: 'date' },
        },
        $defs: { o: { type: 'object', properties: {}, additionalProperties: false } },
        required: ['s'],
        additionalProperties: false,
      },
    })
  })

  const format = { kind: 'json_schema', schema: { type: 'object', properties: { x: { type: 'number' } } } } as const
  const FORCED = { ...BUDGET_PROFILE, schema: 'forced-tool' } as const

  test('a model without schemas is forced to call a tool, whose arguments are the text', () => {
    const { body, toolNames } = encode({ format }, { profile: FORCED })
    expect(body).toMatchObject({
      tools: [{ name: 'json', input_schema: format.schema }],
      tool_choice: { type: 'tool', name: 'json', disable_parallel_tool_use: true },
    })
    const block = { type: 'tool_use', id: 'a', name: 'json', input: {} }
    const piece = (partial_json: string) => delta(0, { type: 'input_json_delta', partial_json })
    const stream = sse(START, opening(0, block), piece('{"x":'), piece('1}'), closing(0), ...ending('tool_use'))
    const streamed = collectEvents(decodeStream(stream, decodingOf(toolNames)))
    expect(streamed).toMatchObject({ items: [{ kind: 'text', text: '{"x":1}' }], finish: { unified: 'stop' } })
    const whole = { content: [{ ...block, input: { x: 1 } }], stop_reason: 'tool_use' }
    expect(codec.decodeResponse(whole, decodingOf(toolNames)).items).toEqual(streamed.items)
  })

  test('beside functions any of them may be called', () => {
    const { body, toolNames } = encode({ format, tools: [f, { ...f, name: 'json' }] }, { profile: FORCED })
    const name = `json_${hash8('json')}`
    expect(body).toMatchObject({ tools: [{ name: 'f' }, { name: 'json' }, { name }], tool_choice: { type: 'any' } })
    expect(toolNames.get(name)).toMatchObject({ asText: true })
    expect(createToolNames([f], hash8).known.get('f')).not.toHaveProperty('asText')
  })
})

describe('how much to think', () => {
  test.each<[ChatRequest['reasoning'], typeof PROFILE, unknown, unknown]>([
    [{ effort: 'none' }, PROFILE, { type: 'disabled' }, undefined],
    [{ effort: 'minimal' }, PROFILE, { type: 'adaptive', display: 'omitted' }, 'low'],
    [{ effort: 'xhigh', visible: true }, PROFILE, { type: 'adaptive', display: 'summarized' }, 'xhigh'],
    [
      { effort: 'xhigh' },
      { ...PROFILE, efforts: ['low', 'medium', 'high', 'max'] },
      { type: 'adaptive', display: 'omitted' },
      'max',
    ],
    [{ budget: 16_384 }, PROFILE, { type: 'adaptive', display: 'omitted' }, 'medium'],
    [{ budget: -1, visible: true }, PROFILE, { type: 'adaptive', display: 'summarized' }, undefined],
    [{ effort: 'medium' }, BUDGET_PROFILE, { type: 'enabled', budget_tokens: 19_200, display: 'omitted' }, undefined],
    [
      { effort: 'minimal', visible: true },
      { ...BUDGET_PROFILE, maxOutput: 8192 },
      { type: 'enabled', budget_tokens: 1024 },
      undefined,
    ],
    [{ visible: false }, PROFILE, undefined, undefined],
    [{ effort: 'none' }, { ...PROFILE, canDisableThinking: false }, { type: 'adaptive', display: 'omitted' }, 'low'],
  ])('%j', (reasoning, profile, thinking, effort) => {
    const { body } = encode(reasoning ? { reasoning } : {}, { profile })
    expect([body['thinking'], (body['output_config'] as any)?.effort]).toEqual([thinking, effort])
  })

  test.each<[Record<string, unknown>, ChatRequest['reasoning']]>([
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, { budget: 2000, visible: true }],
    [{ thinking: { type: 'enabled', budget_tokens: 2000, display: 'omitted' } }, { budget: 2000, visible: false }],
    [
      { thinking: { type: 'adaptive', display: 'omitted' }, output_config: { effort: 'max' } },
      { effort: 'max', adaptive: true, visible: false },
    ],
    [{ thinking: { type: 'disabled' } }, { effort: 'none' }],
    [{ output_config: { effort: 'low' } }, { effort: 'low', adaptive: false }],
    [{}, undefined],
  ])('%j is read', (fields, reasoning) => {
    const request = decode({ messages: [], ...fields })
    expect(request.reasoning).toEqual(reasoning)
    expect(request.extensions).toEqual({})
  })

  test('thinking off beside an effort stays off, everywhere', () => {
    const request = decode({ messages: [], thinking: { type: 'disabled' }, output_config: { effort: 'high' } })
    expect(request.reasoning).toEqual({ effort: 'none' })
    expect(encode(request).body).toMatchObject({ thinking: { type: 'disabled' }, output_config: { effort: 'high' } })
  })

  test('case 39: max_tokens exceeds the budget, as far as the model goes', () => {
    const of = (maxOutput: number, budget: number, most = 64_000) => {
      const profile = { ...BUDGET_PROFILE, maxOutput: most }
      const { body } = encode({ maxOutput, reasoning: { budget, visible: true } }, { profile })
      return [body['max_tokens'], (body['thinking'] as any).budget_tokens]
    }
    expect(of(4096, 1024)).toEqual([4096, 1024])
    expect(of(1000, 5000)).toEqual([6000, 5000])
    expect(of(1000, 60_000, 32_000)).toEqual([32_000, 28_800])
    expect(of(500, 1024, 900)).toEqual([500, undefined])
  })

  test('case 39: sampling is dropped for models that refuse it, and while thinking', () => {
    const sampling = { temperature: 0.5, topP: 0.9, topK: 5 }
    expect(encode({ sampling }).losses).toEqual(['dropped=temperature', 'dropped=top_p', 'dropped=top_k'])
    const { body, losses } = encode({ sampling, reasoning: { budget: 2000 } }, { profile: BUDGET_PROFILE })
    expect(body).not.toHaveProperty('temperature')
    expect(losses).toEqual(['dropped=temperature', 'dropped=top_p', 'dropped=top_k'])
  })
})

test("max_tokens is the model's most where nobody says, and 0 where the client warms a cache", () => {
  expect(encode({}).body['max_tokens']).toBe(64_000)
  expect(encode(decode({ messages: [], max_tokens: 0 })).body['max_tokens']).toBe(0)
})

test('counting tokens takes what counts, without the tools the provider runs', () => {
  const body = {
    model: 'm',
    system: 'Be brief.',
    messages: [{ role: 'user', content: 'hi' }],
    tools: [
      { name: 'f', input_schema: { type: 'object' } },
      { type: 'memory_20250818', name: 'memory' },
      { type: 'web_search_20250305', name: 'web_search' },
    ],
  }
  const losses = createLossReport()
  const request = decodeCountTokensRequest(body, { model: 'm', openEnvelope: () => null, losses })
  const encoded = encodeCountTokensRequest(requestOf({ ...request, stop: ['x'], userId: 'u' }), encodingOf({ losses }))
  expect(encoded.body).toEqual({ ...body, model: 'claude-opus-5', tools: body.tools.slice(0, 2) })
  expect(lossNames(losses)).toEqual(['dropped=builtin_tools'])
})
