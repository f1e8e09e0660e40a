// Requests by example: the golden tool turn, the regression cases that concern Gemini, and every field's way out.
import { describe, expect, test } from 'vitest'
import type { ChatRequest, Item, Signature } from '../canonical.ts'
import { CannotCross, createLossReport } from '../codec.ts'
import { BUDGET_PROFILE, decode, encode, lossNames, PROFILE, requestOf, slotOf } from './testing.ts'

type Json = Record<string, unknown>

const user = (text: string, turn = 0): Item => ({ kind: 'text', role: 'user', turn, text })
const call = (id: string, fields: Partial<Item & { kind: 'call' }> = {}): Item => ({
  kind: 'call',
  turn: 1,
  id,
  name: 'f',
  argsText: '{"x":1}',
  style: 'json',
  ...fields,
})
const result = (callId: string, text: string, fields: Partial<Item & { kind: 'result' }> = {}): Item => ({
  kind: 'result',
  turn: 2,
  callId,
  parts: [{ kind: 'text', text }],
  isError: false,
  style: 'json',
  ...fields,
})
const thought: Signature = { provider: 'google', account: 'key-1', model: 'm', kind: 'thought', value: 'c2ln' }
const foreign: Signature = { provider: 'anthropic', account: 'a', model: 'm', kind: 'signature', value: 'abc' }
const contentsOf = (items: readonly Item[], encoding = {}): Json[] =>
  encode({ items: [...items] }, encoding).body['contents'] as Json[]
const partsOf = (items: readonly Item[], turn: number, encoding = {}): Json[] =>
  contentsOf(items, encoding)[turn]!['parts'] as Json[]

describe('tool turns', () => {
  test('the golden tool turn', () => {
    const items = [user('go'), call('c1', { signature: thought }), result('c1', '42', { name: 'f' })]
    const body = [
      { role: 'user', parts: [{ text: 'go' }] },
      { role: 'model', parts: [{ functionCall: { id: 'c1', name: 'f', args: { x: 1 } }, thoughtSignature: 'c2ln' }] },
      { role: 'user', parts: [{ functionResponse: { id: 'c1', name: 'f', response: { output: '42' } } }] },
    ]
    expect(contentsOf(items)).toEqual(body)
    const native = { ...thought, provider: '', account: '', model: '' }
    expect(decode({ contents: body }).items).toEqual([items[0], call('c1', { signature: native }), items[2]])
  })

  test('case 17: of three parallel calls only the first carries signature or sentinel', () => {
    const calls = [call('a'), call('b'), call('c')]
    const slots = (signature?: Signature): unknown[] =>
      partsOf([user('go'), call('a', signature ? { signature } : {}), ...calls.slice(1)], 1).map(
        (part) => part['thoughtSignature'],
      )
    expect(slots()).toEqual(['skip_thought_signature_validator', undefined, undefined])
    expect(slots(thought)).toEqual(['c2ln', undefined, undefined])
    const old = partsOf([user('go'), ...calls], 1, { profile: BUDGET_PROFILE })
    expect(old.map((part) => part['thoughtSignature'])).toEqual([undefined, undefined, undefined])
  })

  test('every turn with calls has its own first call', () => {
    const items = [user('go'), call('a'), result('a', '1'), call('b', { turn: 3 }), result('b', '2', { turn: 4 })]
    const first = (turn: number): unknown => partsOf(items, turn)[0]!['thoughtSignature']
    expect([first(1), first(3)]).toEqual(['skip_thought_signature_validator', 'skip_thought_signature_validator'])
  })

  test('case 29: results reversed and one missing are put in order, named, and padded with an error', () => {
    const items = [
      user('go'),
      call('a', { name: 'first' }),
      call('b', { name: 'second' }),
      call('c', { name: 'third' }),
      result('c', '3'),
      result('a', '1'),
      user('and now?', 2),
    ]
    expect(partsOf(items, 2)).toEqual([
      { functionResponse: { id: 'a', name: 'first', response: { output: '1' } } },
      { functionResponse: { id: 'b', name: 'second', response: { error: 'No result was given for this call.' } } },
      { functionResponse: { id: 'c', name: 'third', response: { output: '3' } } },
      { text: 'and now?' },
    ])
  })

  test('results come before the text of their turn, and before a reminder that stands between', () => {
    const reminder: Item = { kind: 'text', role: 'system', turn: 2, text: 'be brief' }
    const { body, losses } = encode({ items: [user('go'), call('a'), reminder, result('a', '1')] })
    const contents = body['contents'] as { parts: Json[] }[]
    expect(contents[2]!.parts.map((part) => Object.keys(part)[0])).toEqual(['functionResponse', 'text'])
    expect(contents[2]!.parts[1]).toEqual({ text: '<system-reminder>\nbe brief\n</system-reminder>' })
    expect(losses).toEqual(['approx=system_message'])
  })

  test('calls without ids are matched by name and order', () => {
    const { items } = decode({
      contents: [
        { role: 'user', parts: [{ text: 'go' }] },
        {
          role: 'model',
          parts: [{ functionCall: { name: 'f' } }, { functionCall: { name: 'g' } }, { functionCall: { name: 'f' } }],
        },
        {
          parts: [
            { functionResponse: { name: 'g', response: { output: 'g1' } } },
            { functionResponse: { name: 'f', response: { output: 'f1' } } },
            { functionResponse: { name: 'f', response: { output: 'f2' } } },
          ],
        },
      ],
    })
    const ids = items.flatMap((item) => (item.kind === 'call' ? [`${item.name} ${item.id}`] : []))
    const answers = items.flatMap((item) => (item.kind === 'result' ? [`${item.name} ${item.callId}`] : []))
    expect(new Set(ids).size).toBe(3)
    expect(answers).toEqual([ids[1], ids[0], ids[2]])
  })

  test('ids that come again in later turns stay with their own results', () => {
    const items = [
      user('go'),
      call('x', { name: 'one' }),
      result('x', '1'),
      call('x', { name: 'two', turn: 3 }),
      result('x', '2', { turn: 4 }),
    ]
    expect(partsOf(items, 2)).toEqual([{ functionResponse: { id: 'x', name: 'one', response: { output: '1' } } }])
    expect(partsOf(items, 4)).toEqual([{ functionResponse: { id: 'x', name: 'two', response: { output: '2' } } }])
  })

  test('case 28: an image in a tool result reaches the model, inside it or beside it', () => {
    const image = {
      kind: 'media' as const,
      media: 'image' as const,
      source: { from: 'data' as const, mime: 'image/png', data: 'iVBO' },
    }
    const items = [user('go'), call('a'), result('a', 'see', { parts: [{ kind: 'text', text: 'see' }, image] })]
    const blob = { inlineData: { mimeType: 'image/png', data: 'iVBO' } }
    const response = { id: 'a', name: 'f', response: { output: 'see' } }
    expect(partsOf(items, 2)).toEqual([{ functionResponse: { ...response, parts: [blob] } }])
    expect(partsOf(items, 2, { profile: BUDGET_PROFILE })).toEqual([{ functionResponse: response }, blob])
  })

  test('errors and values of results go both ways', () => {
    const forms: [Json, Partial<Item & { kind: 'result' }>][] = [
      [{ output: '42' }, { parts: [{ kind: 'text', text: '42' }] }],
      [{ error: 'no such file' }, { parts: [{ kind: 'text', text: 'no such file' }], isError: true }],
      [{ error: { code: 5 } }, { parts: [{ kind: 'text', text: '{"code":5}', json: true }], isError: true }],
      [{ temperature: 21 }, { parts: [{ kind: 'text', text: '{"temperature":21}', json: true }] }],
      [{ output: [1, 2] }, { parts: [{ kind: 'text', text: '[1,2]', json: true }] }],
      [{ output: '' }, { parts: [{ kind: 'text', text: '' }] }],
    ]
    for (const [response, fields] of forms) {
      const items = [user('go'), call('a'), result('a', '', { name: 'f', ...fields })]
      expect(partsOf(items, 2)).toEqual([{ functionResponse: { id: 'a', name: 'f', response } }])
      expect(decode({ contents: contentsOf(items) }).items[2]).toEqual(items[2])
    }
  })

  test('a text that looks like JSON stays the text it was', () => {
    const items = [user('go'), call('a'), result('a', '{"error": "not really"}')]
    expect(partsOf(items, 2)).toEqual([
      { functionResponse: { id: 'a', name: 'f', response: { output: '{"error": "not really"}' } } },
    ])
  })

  test('arguments: none is {}, what is no object is kept as text and said so', () => {
    const args = (argsText: string): unknown => {
      const { body, losses } = encode({ items: [user('go'), call('a', { argsText })] })
      const parts = (body['contents'] as { parts: { functionCall: { args: unknown } }[] }[])[1]!.parts
      return [parts[0]!.functionCall.args, losses]
    }
    expect(args('')).toEqual([{}, []])
    expect(args('{"a":[1]}')).toEqual([{ a: [1] }, []])
    expect(args('{"a":')).toEqual([{ input: '{"a":' }, ['approx=tool_arguments']])
    expect(args('[1]')).toEqual([{ input: '[1]' }, ['approx=tool_arguments']])
  })

  test('case 31: a freeform tool is a function of one text, and its call is unwrapped', () => {
    const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: x' }
    const { body, toolNames } = encode({
      tools: [{ kind: 'freeform', name: 'apply_patch', description: 'Patches.', grammar }],
      items: [user('go'), call('a', { name: 'apply_patch', style: 'freeform', argsText: '*** Begin' })],
    })
    const [tools] = body['tools'] as { functionDeclarations: Json[] }[]
    expect(tools!.functionDeclarations[0]).toMatchObject({
      name: 'apply_patch',
      parametersJsonSchema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    })
    expect(String(tools!.functionDeclarations[0]!['description'])).toContain('start: x')
    const contents = body['contents'] as { parts: Json[] }[]
    expect(contents[1]!.parts[0]!['functionCall']).toMatchObject({ args: { input: '*** Begin' } })
    expect(toolNames.get('apply_patch')).toEqual({ name: 'apply_patch', style: 'freeform' })
  })

  test('case 32: a namespace is flattened and known on the way back', () => {
    const { body, toolNames } = encode({
      tools: [{ kind: 'function', name: 'list', namespace: 'files', schema: { type: 'object' } }],
      toolChoice: { mode: 'named', name: 'list', namespace: 'files' },
    })
    expect(body['tools']).toEqual([
      { functionDeclarations: [{ name: 'files__list', parametersJsonSchema: { type: 'object' } }] },
    ])
    expect(body['toolConfig']).toEqual({
      functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['files__list'] },
    })
    expect(toolNames.get('files__list')).toEqual({ name: 'list', namespace: 'files', style: 'json' })
  })
})

describe('reasoning state', () => {
  test('state before a call is the call’s', () => {
    const before: Item = { kind: 'reasoning', turn: 1, text: '', signature: thought }
    expect(partsOf([user('go'), before, call('a')], 1)).toEqual([
      { functionCall: { id: 'a', name: 'f', args: { x: 1 } }, thoughtSignature: 'c2ln' },
    ])
  })

  test('case 46: state of another account or provider is dropped and said so, never what it hangs on', () => {
    const other = { ...thought, account: 'key-2' }
    const items: Item[] = [
      user('go'),
      { kind: 'reasoning', turn: 1, text: 'hm', signature: foreign },
      { kind: 'text', role: 'assistant', turn: 1, text: 'ok', signature: other },
      call('a', { signature: other }),
    ]
    const { body, losses } = encode({ items })
    expect((body['contents'] as Json[])[1]).toEqual({
      role: 'model',
      parts: [
        { text: 'ok' },
        {
          functionCall: { id: 'a', name: 'f', args: { x: 1 } },
          thoughtSignature: 'skip_thought_signature_validator',
        },
      ],
    })
    expect(losses).toEqual(['dropped=reasoning_state'])
    expect(JSON.stringify(body)).not.toContain('urs1')
  })

  test('envelopes are opened in either alphabet; one that is not ours is dropped', () => {
    const losses = createLossReport()
    const parts = [
      { text: 'a', thoughtSignature: slotOf(thought) },
      { text: 'b', thought_signature: slotOf(thought).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '') },
      { text: 'c', thoughtSignature: Buffer.from('urs1.rubbish').toString('base64') },
      { text: 'd', thoughtSignature: 'skip_thought_signature_validator' },
      { text: 'e', thoughtSignature: 'a-_b' },
    ]
    const { items } = decode({ contents: [{ role: 'model', parts }] }, losses)
    const native = { provider: '', account: '', model: '', kind: 'thought', value: 'a+/b' }
    expect(items.map(({ signature }) => signature)).toEqual([thought, thought, undefined, undefined, native])
    expect(lossNames(losses)).toEqual(['dropped=reasoning_state'])
  })

  test('another dialect’s state on a call stands before it again', () => {
    const contents = [
      { role: 'model', parts: [{ functionCall: { id: 'a', name: 'f', args: {} }, thoughtSignature: slotOf(foreign) }] },
    ]
    expect(decode({ contents }).items).toEqual([
      { kind: 'reasoning', turn: 0, text: '', signature: foreign },
      call('a', { turn: 0, argsText: '{}' }),
    ])
  })

  test('signature-only parts are kept', () => {
    const contents = [{ role: 'model', parts: [{ text: 'a' }, { text: '', thoughtSignature: 'c2ln' }] }]
    const { items } = decode({ contents })
    expect(contentsOf(items, { profile: BUDGET_PROFILE })).toEqual(contents)
  })
})

describe('what clients write', () => {
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

  test('wrong types are absent values; no contents is a bad request', () => {
    const body = { contents: [7, { parts: 3 }], tools: 'no', generationConfig: [], toolConfig: 1, systemInstruction: 9 }
    expect(decode(body)).toEqual(requestOf({ items: [], extensions: { gemini: {} } }))
    expect(() => decode({})).toThrow(CannotCross)
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
      { extensions: { 'anthropic-messages': { context_management: {} } } },
      ['dropped=context_management'],
    ],
    [
      'foreign item',
      { items: [user('a'), { kind: 'opaque', protocol: 'x', role: 'assistant', turn: 1, raw: {} }] },
      ['dropped=builtin_items'],
    ],
    ['web search', { builtins: [{ protocol: 'x', kind: 'web_search', name: 'web_search', raw: {} }] }, []],
    ['json format', { format: { kind: 'json_object' } }, []],
    ['effort', { reasoning: { effort: 'xhigh' } }, ['approx=effort']],
    ['budget', { reasoning: { budget: 4000 } }, ['approx=thinking_budget']],
    ['forced choice without tools', { toolChoice: { mode: 'required' } }, ['dropped=tool_choice']],
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
    expect(encode({ builtins, tools }).losses).toEqual(['dropped=code_interpreter'])
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
      format: { kind: 'json_schema', schema: { $schema: 'x', type: 'object' }, description: 'An answer.' },
    }
    expect(encode(fields).body['generationConfig']).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object', description: 'An answer.' },
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
    const sampling = { temperature: 1, topP: 0.9 }
    const one = encode({ sampling }, { profile: { ...PROFILE, sampling: 'one' } })
    expect([one.body['generationConfig'], one.losses]).toEqual([{ temperature: 1 }, ['dropped=top_p']])
    const none = encode({ sampling }, { profile: { ...PROFILE, sampling: 'none' } })
    expect([none.body['generationConfig'], none.losses]).toEqual([undefined, ['dropped=sampling']])
  })
})
