// Requests by example: what clients write, every field's way out, thinking, sampling and schemas.
import { describe, expect, test } from 'vitest'
import type { ChatRequest } from '../canonical.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { reportForeignFields } from '../foreign.ts'
import { BUDGET_PROFILE, call, decode, encode, PROFILE, requestOf, result, user } from './testing.ts'

type Json = Record<string, unknown>

describe('what clients write', () => {
  test('pictures among the instructions are the user’s, in front of all else, and that is told', () => {
    const losses = createLossReport()
    const inlineData = { mimeType: 'image/png', data: 'AAAA' }
    const request = decode(
      { contents: 'hi', systemInstruction: { parts: [{ text: 'Our style:' }, { inlineData }] } },
      losses,
    )
    expect(request.instructions).toEqual([{ role: 'system', text: 'Our style:' }])
    const source = { from: 'data', mime: 'image/png', data: 'AAAA' }
    expect(request.items).toMatchObject([{ kind: 'media', role: 'user', source }, user('hi')])
    expect(losses.losses).toMatchObject([{ path: 'system', action: 'approximated' }])
  })

  test('snake case, a missing role, a text for instructions, single objects for lists', () => {
    const request = decode({
      contents: { parts: { text: 'hi' } },
      system_instruction: 'be brief',
      generation_config: {
        max_output_tokens: 5,
        stop_sequences: ['x'],
        response_mime_type: 'application/json',
        response_schema: { type: 'OBJECT', properties: { a: { type: 'STRING', nullable: true } } },
        thinking_config: { thinking_budget: 100, include_thoughts: true },
      },
      tools: { function_declarations: { name: 'f', parameters_json_schema: { type: 'object' } }, google_search: {} },
      tool_config: { function_calling_config: { mode: 'any', allowed_function_names: ['f'] } },
      safety_settings: [{ category: 'c', threshold: 't' }],
    })
    expect(request).toEqual(
      requestOf({
        instructions: [{ role: 'system', text: 'be brief' }],
        items: [user('hi')],
        maxOutput: 5,
        stop: ['x'],
        format: {
          kind: 'json_schema',
          schema: { type: 'object', properties: { a: { type: ['string', 'null'] } } },
        },
        reasoning: { budget: 100, visible: true },
        tools: [{ kind: 'function', name: 'f', schema: { type: 'object' } }],
        builtins: [{ protocol: 'gemini', kind: 'web_search', name: 'googleSearch', raw: {} }],
        toolChoice: { mode: 'named', name: 'f' },
        extensions: { gemini: { safety_settings: [{ category: 'c', threshold: 't' }] } },
      }),
    )
  })

  test('choices', () => {
    const choice = (mode: string, ...allowedFunctionNames: string[]): unknown =>
      decode({ contents: 'x', toolConfig: { functionCallingConfig: { mode, allowedFunctionNames } } }).toolChoice
    expect(choice('AUTO')).toEqual({ mode: 'auto' })
    expect(choice('NONE')).toEqual({ mode: 'none' })
    expect(choice('ANY')).toEqual({ mode: 'required' })
    expect(choice('ANY', 'f')).toEqual({ mode: 'named', name: 'f' })
    expect(choice('ANY', 'f', 'g')).toEqual({ mode: 'allowed', names: ['f', 'g'], required: true })
    expect(choice('VALIDATED')).toEqual({ mode: 'auto' })
    expect(choice('VALIDATED', 'f')).toEqual({ mode: 'allowed', names: ['f'], required: false })
    expect(choice('MODE_UNSPECIFIED')).toBeUndefined()
  })

  test('media by its type; Google’s own files and those on the web', () => {
    const media = (part: Json): unknown => {
      const [item] = decode({ contents: [{ parts: [part] }] }).items
      return item?.kind === 'media' ? [item.media, item.source] : item
    }
    expect(media({ inlineData: { mimeType: 'image/png', data: '_9j_' } })).toEqual([
      'image',
      { from: 'data', mime: 'image/png', data: '/9j/' },
    ])
    expect(media({ inline_data: { mime_type: 'application/pdf', data: 'AAAA' } })).toMatchObject(['pdf', {}])
    const fileUri = 'https://generativelanguage.googleapis.com/v1beta/files/x'
    expect(media({ fileData: { fileUri, mimeType: 'video/mp4' } })).toEqual([
      'video',
      { from: 'file', fileId: fileUri, protocol: 'gemini', mime: 'video/mp4' },
    ])
    expect(media({ fileData: { fileUri: 'https://youtu.be/x' } })).toEqual([
      'video',
      { from: 'url', url: 'https://youtu.be/x' },
    ])
  })

  test('numbers may be written as texts', () => {
    const generationConfig = { temperature: '0.5', maxOutputTokens: '9', candidateCount: '1', seed: '-7' }
    const { sampling, maxOutput, n, seed } = decode({ contents: 'q', generationConfig })
    expect([sampling, maxOutput, n, seed]).toEqual([{ temperature: 0.5 }, 9, 1, -7])
  })

  test('what is of a wrong type is a bad request that names it; so is no contents', () => {
    const refused = (body: Json): unknown => {
      try {
        decode({ contents: 'q', ...body })
      } catch (error) {
        return error instanceof CannotCross && error.code === 'bad_request' ? error.path : error
      }
      return 'read'
    }
    expect(refused({ contents: null })).toBe('contents')
    expect(refused({ contents: [7] })).toBe('contents[0]')
    expect(refused({ contents: [{ parts: 3 }] })).toBe('contents[0].parts')
    expect(refused({ tools: 'no' })).toBe('tools')
    expect(refused({ generationConfig: [] })).toBe('generationConfig')
    expect(refused({ tool_config: 1 })).toBe('tool_config')
    expect(refused({ systemInstruction: 9 })).toBe('systemInstruction')
    expect(refused({ toolConfig: { functionCallingConfig: { mode: 'ODD' } } })).toBe(
      'toolConfig.functionCallingConfig.mode',
    )
    expect(refused({ generation_config: { thinking_config: { thinking_level: 'ODD' } } })).toBe(
      'generation_config.thinking_config.thinking_level',
    )
  })
})

describe('every field has its way out', () => {
  const cases: [name: string, fields: Partial<ChatRequest>, losses: string[]][] = [
    ['parallel', { parallel: false }, ['dropped=parallel_tool_calls']],
    ['verbosity', { verbosity: 'low' }, ['dropped=verbosity']],
    ['cacheKey', { cacheKey: 'k' }, ['dropped=prompt_cache_key']],
    ['userId', { userId: 'u' }, ['dropped=user']],
    ['logprobs', { logprobs: { top: 3 } }, ['dropped=logprobs']],
    ['logitBias', { sampling: { logitBias: { '1': 2 } } }, ['dropped=logit_bias']],
    ['tier', { tier: 'scale' }, ['dropped=tier']],
    ['tier fast', { tier: 'fast' }, ['approx=tier']],
    ['tier known', { tier: 'flex' }, []],
    ['seed', { seed: 5 }, []],
    ['sampling', { sampling: { temperature: 1, topP: 0.5, topK: 3, frequencyPenalty: 1, presencePenalty: 1 } }, []],
    ['n of one', { n: 1 }, []],
    ['stop', { stop: ['a'] }, []],
    ['instruction cache', { instructions: [{ role: 'system', text: 'a', cache: {} }] }, ['dropped=cache_control']],
    ['item cache', { items: [{ ...user('a'), cache: { ttl: '1h' } }] }, ['dropped=cache_control']],
    ['tool cache', { tools: [{ kind: 'function', name: 'f', cache: {} }] }, ['dropped=cache_control']],
    ['result cache', { items: [user('a'), call('a'), result('a', '1', { cache: {} })] }, ['dropped=cache_control']],
    ['strict', { tools: [{ kind: 'function', name: 'f', strict: true }] }, ['dropped=strict']],
    [
      'image detail',
      {
        items: [
          {
            kind: 'media',
            role: 'user',
            turn: 0,
            media: 'image',
            source: { from: 'url', url: 'https://x/a.png' },
            detail: 'high',
          },
        ],
      },
      ['dropped=image_detail'],
    ],
    [
      'file name',
      {
        items: [
          {
            kind: 'media',
            role: 'user',
            turn: 0,
            media: 'pdf',
            source: { from: 'data', mime: 'application/pdf', data: 'AA==' },
            name: 'a.pdf',
          },
        ],
      },
      ['dropped=filename'],
    ],
    [
      'foreign extension',
      { extensions: { 'anthropic-messages': { context_management: { edits: [{}] } } } },
      ['dropped=context_management'],
    ],
    [
      'foreign item',
      { items: [user('a'), { kind: 'opaque', protocol: 'x', role: 'assistant', turn: 1, raw: {} }] },
      ['dropped=provider_items'],
    ],
    [
      'citations in history',
      {
        items: [user('a'), { kind: 'text', role: 'assistant', turn: 1, text: 'b', citations: [{ url: 'https://a' }] }],
      },
      ['dropped=citations'],
    ],
    ['name of a schema', { format: { kind: 'json_schema', name: 'n', schema: { type: 'object' } } }, []],
    ['web search', { builtins: [{ protocol: 'x', kind: 'web_search', name: 'web_search', raw: {} }] }, []],
    ['json format', { format: { kind: 'json_object' } }, []],
    ['effort', { reasoning: { effort: 'xhigh' } }, ['approx=effort']],
    ['budget', { reasoning: { budget: 4000 } }, ['approx=thinking_budget']],
    ['only instructions', { instructions: [{ role: 'system', text: 'a' }], items: [] }, ['approx=system']],
  ]
  test.each(cases)('%s', (_name, fields, losses) => {
    expect(encode(fields).losses).toEqual(losses)
  })

  test('case 37: what belongs to Anthropic alone never arrives', () => {
    const { body } = encode({
      extensions: { 'anthropic-messages': { context_management: { edits: [] } } },
      instructions: [
        { role: 'system', text: 'x-anthropic-billing-header: cc_version=2' },
        { role: 'system', text: 'help' },
      ],
    })
    expect(body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'hello' }] }],
      systemInstruction: { parts: [{ text: 'help' }] },
    })
  })

  const refused: [name: string, fields: Partial<ChatRequest>][] = [
    ['several answers', { n: 2 }],
    ['an answer of nothing', { maxOutput: 0 }],
    ['a forced choice without tools', { toolChoice: { mode: 'required' } }],
    [
      'a file of another provider',
      { items: [{ kind: 'media', role: 'user', turn: 0, media: 'pdf', source: { from: 'file', fileId: 'file-1' } }] },
    ],
    [
      'case 45: a foreign built-in tool alone',
      { builtins: [{ protocol: 'x', kind: 'other', name: 'code_interpreter', raw: {} }] },
    ],
    ['MCP servers', { extensions: { 'anthropic-messages': { mcp_servers: [{}] } } }],
  ]
  test.each(refused)('refused: %s', (_name, fields) => {
    expect(() => encode(fields)).toThrow(CannotCross)
  })

  test('case 45: a foreign built-in beside a function tool is dropped and said so; forced it is refused', () => {
    const builtins = [{ protocol: 'x', kind: 'other' as const, name: 'code_interpreter', raw: {} }]
    const tools = [{ kind: 'function' as const, name: 'f' }]
    expect(encode({ builtins, tools }).losses).toEqual(['dropped=builtin_tools'])
    expect(() => encode({ builtins, tools, toolChoice: { mode: 'named', name: 'code_interpreter' } })).toThrow(
      CannotCross,
    )
  })

  test('a web search beside functions: with Gemini 3 both, before it the functions', () => {
    const fields: Partial<ChatRequest> = {
      builtins: [{ protocol: 'x', kind: 'web_search', name: 'web_search', raw: {} }],
      tools: [{ kind: 'function', name: 'f' }],
    }
    const three = encode(fields)
    expect(three.body['tools']).toEqual([{ googleSearch: {} }, { functionDeclarations: [{ name: 'f' }] }])
    expect(three.body['toolConfig']).toEqual({ includeServerSideToolInvocations: true })
    const two = encode(fields, { profile: BUDGET_PROFILE })
    expect([two.body['tools'], two.losses]).toEqual([
      [{ functionDeclarations: [{ name: 'f' }] }],
      ['dropped=web_search'],
    ])
  })

  test('fields of this dialect come back; crossing, cached content and other modalities are refused', () => {
    const body = {
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      generationConfig: { responseModalities: ['TEXT', 'IMAGE'], mediaResolution: 'MEDIA_RESOLUTION_LOW' },
      toolConfig: { retrievalConfig: { languageCode: 'de' } },
      safetySettings: [{ category: 'c', threshold: 't' }],
      labels: { a: 'b' },
      cachedContent: 'cachedContents/1',
    }
    const request = decode(body)
    expect(encode(request).body).toEqual(body)
    expect(Object.keys(request.extensions['gemini']!).toSorted()).toEqual([
      'cached_content',
      'generation_config',
      'labels',
      'response_modalities',
      'safety_settings',
      'tool_config',
    ])
    const cross = (field: string): void => {
      const fields = { [field]: request.extensions['gemini']![field] }
      reportForeignFields(requestOf({ extensions: { gemini: fields } }), 'openai-responses', createLossReport())
    }
    expect(() => cross('cached_content')).toThrow(CannotCross)
    expect(() => cross('response_modalities')).toThrow(CannotCross)
    expect(() => cross('labels')).not.toThrow()
  })
})

describe('thinking, sampling, schema', () => {
  const thinking = (reasoning: ChatRequest['reasoning'], profile = PROFILE): unknown => {
    const { body } = encode(reasoning ? { reasoning } : {}, { profile })
    return (body['generationConfig'] as Json | undefined)?.['thinkingConfig']
  }

  test('effort as a level from Gemini 3 on', () => {
    const known = { ...PROFILE, efforts: ['minimal', 'low', 'medium', 'high'] as const }
    expect(thinking({ effort: 'none' }, known)).toEqual({ thinkingLevel: 'MINIMAL' })
    expect(thinking({ effort: 'none' })).toEqual({ thinkingLevel: 'LOW' })
    expect(thinking({ effort: 'minimal' })).toEqual({ thinkingLevel: 'LOW' })
    expect(thinking({ effort: 'medium' })).toEqual({ thinkingLevel: 'MEDIUM' })
    expect(thinking({ effort: 'max', visible: true })).toEqual({ thinkingLevel: 'HIGH', includeThoughts: true })
    expect(thinking({ budget: 20_000 })).toEqual({ thinkingLevel: 'HIGH' })
    expect(thinking({ effort: 'low', budget: 20_000 })).toEqual({ thinkingLevel: 'LOW' })
    expect(thinking({ budget: -1 })).toBeUndefined()
    expect(thinking({ adaptive: true })).toBeUndefined()
  })

  test('effort as a budget before it', () => {
    const budget = { ...BUDGET_PROFILE, maxOutput: 65_536 }
    expect(thinking({ effort: 'none' }, budget)).toEqual({ thinkingBudget: 0 })
    expect(thinking({ effort: 'none' }, { ...budget, canDisableThinking: false })).toEqual({ thinkingBudget: 128 })
    expect(thinking({ effort: 'low' }, budget)).toEqual({ thinkingBudget: 6553 })
    expect(thinking({ effort: 'high' }, budget)).toEqual({ thinkingBudget: 24_576 })
    expect(thinking({ effort: 'high' }, { ...budget, maxThinkingBudget: 32_768 })).toEqual({ thinkingBudget: 32_768 })
    expect(thinking({ budget: 512 }, budget)).toEqual({ thinkingBudget: 512 })
    expect(thinking({ budget: -1 }, budget)).toEqual({ thinkingBudget: -1 })
    expect(thinking({ adaptive: true }, budget)).toEqual({ thinkingBudget: -1 })
    expect(thinking({ effort: 'low' }, { ...budget, thinking: 'none' })).toBeUndefined()
  })

  test('case 38: forced choice, and no parallel calls, in valid bodies', () => {
    const tools = [{ kind: 'function' as const, name: 'f' }]
    expect(encode({ tools, toolChoice: { mode: 'none' }, parallel: false }).body['toolConfig']).toEqual({
      functionCallingConfig: { mode: 'NONE' },
    })
    expect(encode({ tools, parallel: false }).body['toolConfig']).toBeUndefined()
    expect(encode({ parallel: false }).body['toolConfig']).toBeUndefined()
  })

  test('a choice among some tools without having to offers those alone', () => {
    const tools = ['f', 'g', 'h'].map((name) => ({ kind: 'function' as const, name }))
    const { body } = encode({ tools, toolChoice: { mode: 'allowed', names: ['f', 'h'], required: false } })
    expect(body['tools']).toEqual([{ functionDeclarations: [{ name: 'f' }, { name: 'h' }] }])
    expect(body['toolConfig']).toEqual({ functionCallingConfig: { mode: 'AUTO' } })
    const forced = encode({ tools, toolChoice: { mode: 'allowed', names: ['f', 'h'], required: true } })
    expect(forced.body['toolConfig']).toEqual({
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f', 'h'] },
    })
  })

  test('a schema beside tools is asked for in words before Gemini 3', () => {
    const fields: Partial<ChatRequest> = {
      tools: [{ kind: 'function', name: 'f' }],
      format: {
        kind: 'json_schema',
        name: 'answer',
        schema: { $schema: 'x', type: 'object' },
        description: 'An answer.',
      },
    }
    expect(encode(fields).body['generationConfig']).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object', title: 'answer', description: 'An answer.' },
    })
    const two = encode(fields, { profile: BUDGET_PROFILE })
    expect([two.body['generationConfig'], two.losses]).toEqual([undefined, ['approx=response_format']])
    expect(JSON.stringify(two.body['systemInstruction'])).toContain('JSON schema')
  })

  test('stop sequences beyond the fifth are the gateway’s to enforce', () => {
    const { body, enforceStop } = encode({ stop: ['1', '2', '3', '4', '5', '6', '7'] })
    expect((body['generationConfig'] as Json)['stopSequences']).toEqual(['1', '2', '3', '4', '5'])
    expect(enforceStop).toEqual(['6', '7'])
  })

  test('sampling by what the model takes', () => {
    const sampling = { temperature: 0.5, topP: 0.9 }
    const one = encode({ sampling }, { profile: { ...PROFILE, sampling: 'one' } })
    expect([one.body['generationConfig'], one.losses]).toEqual([{ temperature: 0.5 }, ['dropped=top_p']])
    const none = encode({ sampling }, { profile: { ...PROFILE, sampling: 'none' } })
    expect([none.body['generationConfig'], none.losses]).toEqual([undefined, ['dropped=temperature', 'dropped=top_p']])
  })
})
