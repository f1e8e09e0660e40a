// What a provider is asked: nothing of meaning is lost in silence, and nothing of another account is told.
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  call,
  CAPABLE,
  decode,
  encode,
  media,
  PLAIN_REQUEST,
  PROVIDER,
  requestEncoding,
  responseEncoding,
  result,
  say,
  typesOf,
  type WireEvent,
} from '../../../test/support/responses-codec.ts'
import type { ChatRequest, Item } from '../canonical.ts'
import { CannotCross } from '../codec.ts'
import { openaiResponsesCodec as codec } from './codec.ts'

const ask = (items: readonly Item[], more: Partial<ChatRequest> = {}): ChatRequest => ({
  ...PLAIN_REQUEST,
  items,
  ...more,
})
const inputOf = (items: readonly Item[], more: Partial<ChatRequest> = {}): WireEvent[] =>
  encode(ask(items, more)).body['input']
const lossesOf = (request: ChatRequest): string[] => encode(request).losses.map(({ path }) => path)

const opaque = (raw: object): Item => ({ turn: 0, kind: 'opaque', protocol: 'x', role: 'user', raw })

describe('writing requests', () => {
  test('case 15: thoughts of another provider never become text', () => {
    const thoughts: Item = {
      turn: 0,
      kind: 'reasoning',
      text: 'SECRET',
      signature: { provider: 'anthropic', account: 'a', model: 'm', kind: 'signature', value: 'S' },
    }
    const { body, losses } = encode(ask([thoughts, say('Hi')]))
    expect(JSON.stringify(body)).not.toContain('SECRET')
    expect(body['input']).toHaveLength(1)
    expect(losses).toMatchObject([{ path: 'reasoning_state', action: 'dropped' }])
  })

  test('case 46: state of another account is left out, the call it hangs beside is not', () => {
    const state = { provider: 'openai', model: 'm', kind: 'encrypted', value: 'urs1-free' } as const
    const mine: Item = { turn: 0, kind: 'reasoning', text: '', signature: { ...state, account: 'account-1' } }
    const other: Item = { turn: 0, kind: 'reasoning', text: '', signature: { ...state, account: 'account-2' } }
    expect(inputOf([mine, call()]).map(({ type }) => type)).toEqual(['reasoning', 'function_call'])
    expect(inputOf([other, call()]).map(({ type }) => type)).toEqual(['function_call'])
    expect(lossesOf(ask([other, call()]))).toEqual(['reasoning_state'])
  })

  test('case 40: encrypted_content goes back byte for byte, with its id', () => {
    const signature = { ...PROVIDER, kind: 'encrypted', value: 'gAAA-_=\u00e9', id: 'rs_1' } as const
    const reply = codec.encodeResponse(
      answerOf([{ turn: 0, kind: 'reasoning', text: 'Hm', summary: true, signature }, call()], 'tool_calls'),
      responseEncoding(),
    )
    const asked = decode({ input: reply['output'] })
    expect(encode(asked).body['input'][0]).toEqual({
      type: 'reasoning',
      id: 'rs_1',
      summary: [{ type: 'summary_text', text: 'Hm' }],
      encrypted_content: 'gAAA-_=\u00e9',
    })
  })

  test('our own reasoning ids are not sent to a provider, which never stored them', () => {
    const thoughts: Item = { turn: 0, kind: 'reasoning', text: 'Hm', summary: true }
    const { output } = codec.encodeResponse(answerOf([thoughts, say('Hi')]), responseEncoding())
    expect(typesOf(inputOf(decode({ input: output as WireEvent[] }).items))).toEqual(['message'])
  })

  test('nothing is stored for clients of other dialects, and sealed state is asked for where the model reasons', () => {
    expect(encode(PLAIN_REQUEST).body).toMatchObject({ store: false, include: ['reasoning.encrypted_content'] })
    const plain = { profile: { ...CAPABLE, thinking: 'none' } } as const
    expect(encode(PLAIN_REQUEST, plain).body).not.toHaveProperty('include')
    expect(encode(decode({ input: 'Hi' })).body).not.toHaveProperty('store')
    expect(encode(ask([], { extensions: { 'openai-chat': { store: true } } })).body['store']).toBe(true)
  })

  test('system texts become one developer message with a part for each', () => {
    const instructions = [
      { role: 'system', text: 'A', cache: { ttl: '1h' } },
      { role: 'system', text: 'B' },
    ] as const
    const { body, losses } = encode(ask([], { instructions }))
    expect(body['input']).toEqual([
      {
        type: 'message',
        role: 'developer',
        content: [
          { type: 'input_text', text: 'A', prompt_cache_breakpoint: { mode: 'explicit', ttl: '12h' } },
          { type: 'input_text', text: 'B' },
        ],
      },
    ])
    expect(losses).toMatchObject([{ path: 'cache_ttl', action: 'approximated' }])
  })

  test('case 28: an image in a result reaches the provider', () => {
    const image = { kind: 'media', media: 'image', source: { from: 'data', mime: 'image/png', data: 'AAAA' } } as const
    const item: Item = result({ parts: [{ kind: 'text', text: 'See' }, image] })
    expect(inputOf([call(), item])[1]!['output']).toEqual([
      { type: 'input_text', text: 'See' },
      { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'auto' },
    ])
  })

  test('a failed result says so', () => {
    const item = result({ isError: true })
    expect(inputOf([item])[0]!['output']).toBe('Error: 42')
  })

  test('case 31: a freeform call and its result keep their kind and their raw text', () => {
    const patch = '*** Begin Patch\n{"not": json'
    const items = decode({
      tools: [{ type: 'custom', name: 'apply_patch' }],
      input: [
        { type: 'custom_tool_call', call_id: 'c9', name: 'apply_patch', input: patch },
        { type: 'custom_tool_call_output', call_id: 'c9', output: 'Done' },
      ],
    }).items
    expect(items).toMatchObject([{ style: 'freeform', argsText: patch }, { style: 'freeform' }])
    expect(inputOf(items)).toMatchObject([
      { type: 'custom_tool_call', input: patch },
      { type: 'custom_tool_call_output', output: 'Done' },
    ])
  })

  test("a conversation's summary made elsewhere is told, and files of either OpenAI dialect are the same", () => {
    const summary = opaque({ type: 'compaction', content: 'So far' })
    const source = { from: 'file', fileId: 'file_1', protocol: 'openai-chat' } as const
    expect(inputOf([summary, { ...media('image'), source }])).toMatchObject([
      { role: 'assistant', content: [{ text: 'So far' }] },
      { role: 'user', content: [{ type: 'input_image', file_id: 'file_1' }] },
    ])
  })

  test("a grammar is understood in Chat Completions' spelling too", () => {
    const grammar = { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } }
    const tools = [{ kind: 'freeform', name: 'g', grammar }] as const
    expect(encode(ask([], { tools })).body['tools']).toEqual([
      { type: 'custom', name: 'g', format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' } },
    ])
  })

  test('a call id that is too long is shortened alike at both ends', () => {
    const id = 'c'.repeat(100)
    const [first, second] = inputOf([call({ id }), result({ callId: id })])
    expect(first!['call_id']).toHaveLength(64)
    expect(second!['call_id']).toBe(first!['call_id'])
  })

  test('case 38: choices and the parallel flag are left out where there are no tools', () => {
    expect(encode(ask([], { parallel: false, toolChoice: { mode: 'none' } })).body).not.toHaveProperty('tool_choice')
    const tools = [{ kind: 'function', name: 'f' }] as const
    const { body } = encode(ask([], { tools, parallel: false, toolChoice: { mode: 'required' } }))
    expect(body).toMatchObject({ tool_choice: 'required', parallel_tool_calls: false })
    expect(encode(ask([], { tools, parallel: false, toolChoice: { mode: 'none' } })).body).not.toHaveProperty(
      'parallel_tool_calls',
    )
    expect(body['tools'][0]).toMatchObject({ strict: false, parameters: null })
  })

  test('case 45: a foreign built-in is dropped beside a function, refused alone or forced', () => {
    const builtins = [{ protocol: 'anthropic-messages', kind: 'other', name: 'code_execution', raw: {} }] as const
    const tools = [{ kind: 'function', name: 'f' }] as const
    expect(lossesOf(ask([], { builtins, tools }))).toEqual(['builtin_tools'])
    expect(() => encode(ask([], { builtins }))).toThrow(CannotCross)
    const toolChoice = { mode: 'named', name: 'code_execution' } as const
    expect(() => encode(ask([], { builtins, tools, toolChoice }))).toThrow(CannotCross)
  })

  test("another provider's web search becomes this one's", () => {
    const raw = {
      type: 'web_search_20250305',
      name: 'web_search',
      max_uses: 3,
      allowed_domains: ['a.test'],
      user_location: { type: 'approximate', city: 'Ulm' },
    }
    const builtins = [{ protocol: 'anthropic-messages', kind: 'web_search', name: 'web_search', raw }] as const
    const { body, losses } = encode(ask([], { builtins, toolChoice: { mode: 'named', name: 'web_search' } }))
    expect(body['tools']).toEqual([
      {
        type: 'web_search',
        filters: { allowed_domains: ['a.test'] },
        user_location: { type: 'approximate', city: 'Ulm' },
      },
    ])
    expect(body['tool_choice']).toBe('required')
    expect(losses).toMatchObject([{ path: 'web_search', action: 'approximated' }])
  })

  test('stop sequences are left to the gateway', () => {
    expect(encode(ask([], { stop: ['END'] })).enforceStop).toEqual(['END'])
  })

  test.each([
    ['n', { n: 2 }],
    ['max_tokens', { maxOutput: 0 }],
    ['audio', { items: [media('audio')] }],
    ['video', { items: [media('video')] }],
    ['file_id', { items: [{ ...media('image'), source: { from: 'file', fileId: 'f', protocol: 'gemini' } }] }],
    ['mcp_servers', { extensions: { 'anthropic-messages': { mcp_servers: [{}] } } }],
    ['container', { extensions: { 'anthropic-messages': { container: 'c' } } }],
  ] as [string, Partial<ChatRequest>][])('%s cannot come from elsewhere', (path, more) => {
    expect(() => encode(ask([], more))).toThrow(expect.objectContaining({ path, code: 'unsupported_parameter' }))
  })

  test.each([
    ['seed', { seed: 1 }],
    ['logprobs', { logprobs: { top: 2 } }],
    ['top_k', { sampling: { topK: 1 } }],
    ['frequency_penalty', { sampling: { frequencyPenalty: 1 } }],
    ['presence_penalty', { sampling: { presencePenalty: 1 } }],
    ['logit_bias', { sampling: { logitBias: { '1': 1 } } }],
    ['tier', { tier: 'batch' }],
    ['max_tokens', { maxOutput: 3 }],
    ['thinking_budget', { reasoning: { budget: 9000 } }],
    ['image_detail', { items: [{ ...media('image'), detail: 'huge' }] }],
    ['cache_control', { items: [{ ...call(), cache: {} }] }],
    ['cache_control', { tools: [{ kind: 'function', name: 'f', cache: {} }] }],
    ['citations', { items: [{ ...say('a'), citations: [{ quote: 'b' }] }] }],
    ['assistant_media', { items: [{ ...media('image'), role: 'assistant' }] }],
    ['compaction', { items: [opaque({ type: 'compaction', content: 'So far' })] }],
    ['provider_items', { items: [opaque({ type: 'thinking' })] }],
    ['reasoning_state', { items: [{ turn: 0, kind: 'reasoning', text: 'Hm' }] }],
    ['reasoning_state', { items: [{ ...call(), signature: { ...PROVIDER, kind: 'thought', value: 'v' } }] }],
    ['context_management', { extensions: { 'anthropic-messages': { context_management: { edits: [{}] } } } }],
    ['input_examples', { tools: [{ kind: 'function', name: 'f', extra: { x: { input_examples: [{}] } } }] }],
  ] as [string, Partial<ChatRequest>][])('law 5: the loss of %s is told (%#)', (path, more) => {
    expect(lossesOf(ask([], more))).toEqual([path])
  })

  test.each([
    ['thinking', { reasoning: { effort: 'high' } }, { thinking: 'none' }],
    ['effort', { reasoning: { effort: 'max' } }, { efforts: ['low', 'high'] }],
    ['temperature', { sampling: { temperature: 0.5 } }, { sampling: 'none' }],
    ['top_p', { sampling: { temperature: 1, topP: 0.5 } }, { sampling: 'one' }],
    ['cache_control', { instructions: [{ role: 'system', text: 'A', cache: {} }] }, { cacheBreakpoints: false }],
  ] as [string, Partial<ChatRequest>, object][])(
    'law 5: what the model does not take is told: %s (%#)',
    (path, more, facts) => {
      const { losses } = encode(ask([], more), { profile: { ...CAPABLE, ...facts } })
      expect(losses.map((loss) => loss.path)).toEqual([path])
    },
  )

  test('names that do not fit are mapped, and known on the way back', () => {
    const encoding = requestEncoding()
    const tools = [{ kind: 'function', name: 'my.tool' }] as const
    const { body, toolNames } = codec.encodeRequest(ask([call({ name: 'my.tool' })], { tools }), encoding)
    const wire = (body['tools'] as WireEvent[])[0]!['name']
    expect(wire).toMatch(/^my_tool_[0-9a-f]{8}$/)
    expect((body['input'] as WireEvent[])[0]!['name']).toBe(wire)
    expect(toolNames.get(wire)).toEqual({ name: 'my.tool', style: 'json' })
  })

  test('a server that knows no developer gets system messages', () => {
    const profile = { ...CAPABLE, dialect: { ...CAPABLE.dialect, developerRole: false } }
    const { body } = encode(ask([], { instructions: [{ role: 'developer', text: 'A' }] }), { profile })
    expect(body['input'][0].role).toBe('system')
  })
})
