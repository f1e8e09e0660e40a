// Law 5: what a server does not take is left out and said so, or the request is refused. A row for every field of a
// request.
import { describe, expect, test } from 'vitest'
import type { ChatRequest, Item, Tool } from '../canonical.ts'
import type { CannotCross } from '../codec.ts'
import type { ChatDialect, ModelProfile } from '../profile.ts'
import { encode, POOR_PROFILE, PROFILE, profileWith, requestOf, type Json } from './testing.ts'

const FUNCTION: Tool = { kind: 'function', name: 'f' }
const user = (item: object): Partial<ChatRequest> => ({ items: [{ turn: 0, role: 'user', ...item } as Item] })
const said: Item = { kind: 'text', role: 'user', turn: 0, text: 'a', cache: { ttl: '30m' } }
const bounded = { profile: profileWith({ extras: false }) }
const thoughtless = { profile: profileWith({}, { thinking: 'none' }) }

interface Row {
  readonly field: string
  readonly request: Partial<ChatRequest>
  readonly profile: ModelProfile
  /** Every loss that is said. */
  readonly losses: readonly string[]
  /** What must not stand in the body any more. */
  readonly gone?: string
}

const rows: readonly Row[] = [
  ...(['frequencyPenalty', 'presencePenalty'] as const).map((field) => {
    const wire = field.replace('P', '_p')
    return { field, request: { sampling: { [field]: 1 } }, ...bounded, losses: [`dropped=${wire}`], gone: wire }
  }),
  { field: 'logitBias', request: { sampling: { logitBias: { '1': 2 } } }, ...bounded, losses: ['dropped=logit_bias'] },
  { field: 'seed', request: { seed: 5 }, ...bounded, losses: ['dropped=seed'], gone: 'seed' },
  {
    field: 'logprobs',
    request: { logprobs: { top: 2 } },
    ...bounded,
    losses: ['dropped=logprobs'],
  },
  { field: 'verbosity', request: { verbosity: 'low' }, ...bounded, losses: ['dropped=verbosity'], gone: 'verbosity' },
  { field: 'cacheKey', request: { cacheKey: 'k' }, ...bounded, losses: ['dropped=prompt_cache_key'] },
  { field: 'userId', request: { userId: 'u' }, ...bounded, losses: ['dropped=user'], gone: 'user_id' },
  { field: 'tier', request: { tier: 'flex' }, ...bounded, losses: ['dropped=tier'], gone: 'service_tier' },
  { field: 'a foreign tier', request: { tier: 'standard_only' }, profile: PROFILE, losses: ['approx=tier'] },
  { field: 'an unknown tier', request: { tier: 'odd' }, profile: PROFILE, losses: ['dropped=tier'] },
  { field: 'topK', request: { sampling: { topK: 4 } }, profile: PROFILE, losses: ['dropped=top_k'], gone: 'top_k' },
  {
    field: 'sampling of a model without',
    request: { sampling: { temperature: 0.5, topP: 0.9 } },
    profile: profileWith({}, { sampling: 'none' }),
    losses: ['dropped=temperature', 'dropped=top_p'],
    gone: 'temperature',
  },
  {
    field: 'temperature beside top_p',
    request: { sampling: { temperature: 0.5, topP: 0.9 } },
    profile: profileWith({}, { sampling: 'one' }),
    losses: ['dropped=top_p'],
    gone: 'top_p',
  },
  { field: 'effort', request: { reasoning: { effort: 'high' } }, ...thoughtless, losses: ['dropped=thinking'] },
  {
    field: 'effort without a field',
    request: { reasoning: { effort: 'high' } },
    profile: profileWith({ reasoningIn: 'none' }),
    losses: ['dropped=thinking'],
  },
  {
    field: 'an effort the model does not know',
    request: { reasoning: { effort: 'max' } },
    profile: profileWith({}, { efforts: ['low', 'high'] }),
    losses: ['approx=effort'],
  },
  { field: 'budget', request: { reasoning: { budget: 5000 } }, profile: PROFILE, losses: ['approx=thinking_budget'] },
  {
    field: 'effort as thinking on or off',
    request: { reasoning: { effort: 'high' } },
    profile: profileWith({ reasoningIn: 'thinking' }),
    losses: ['approx=effort'],
  },
  {
    field: 'format',
    request: { format: { kind: 'json_schema', schema: { type: 'object' } } },
    profile: profileWith({ schema: 'jsonObject' }),
    losses: ['approx=response_format'],
    gone: 'json_schema"',
  },
  {
    field: 'format without any field',
    request: { format: { kind: 'json_object' } },
    profile: profileWith({ schema: 'none' }),
    losses: ['approx=response_format'],
    gone: 'response_format',
  },
  {
    field: 'strict',
    request: { tools: [{ ...FUNCTION, strict: true }] },
    profile: POOR_PROFILE,
    losses: ['dropped=strict'],
    gone: 'strict',
  },
  {
    field: 'parallel',
    request: { tools: [FUNCTION], parallel: false },
    profile: POOR_PROFILE,
    losses: ['dropped=parallel_tool_calls'],
    gone: 'parallel',
  },
  { field: 'cache', request: { items: [said] }, profile: POOR_PROFILE, losses: ['dropped=cache_control'], gone: '30m' },
  { field: 'cache lifetime', request: { items: [said] }, profile: PROFILE, losses: ['approx=cache_ttl'], gone: '30m' },
  {
    field: 'cache of an instruction and a tool',
    request: { instructions: [{ role: 'system', text: 's', cache: {} }], tools: [{ ...FUNCTION, cache: {} }] },
    profile: POOR_PROFILE,
    losses: ['dropped=cache_control'],
    gone: 'cache',
  },
  {
    field: 'a fifth stop sequence',
    request: { stop: ['a', 'b', 'c', 'd', 'e'] },
    profile: PROFILE,
    losses: ['approx=stop'],
  },
  {
    field: 'a system message in the middle',
    request: { items: [said, { kind: 'text', role: 'system', turn: 1, text: 'be kind' }] },
    profile: profileWith({ midSystem: false, cacheControl: false }, { cacheBreakpoints: true }),
    losses: ['approx=system'],
  },
  {
    field: 'reasoning',
    request: {
      items: [
        { kind: 'reasoning', turn: 0, text: 'hm' },
        { ...said, turn: 1, role: 'assistant' },
      ],
    },
    profile: profileWith({ replayReasoning: false, cacheControl: false }, { cacheBreakpoints: true }),
    losses: ['dropped=thoughts'],
    gone: 'hm',
  },
  {
    field: 'thinking, where the thoughts before a call were not handed back',
    request: {
      reasoning: { effort: 'high' },
      items: [
        { kind: 'text', role: 'user', turn: 0, text: 'q' },
        { kind: 'call', turn: 1, id: 'c1', name: 'f', argsText: '{}', style: 'json' },
        { kind: 'result', turn: 2, callId: 'c1', parts: [{ kind: 'text', text: '42' }], isError: false, style: 'json' },
      ],
    },
    profile: profileWith({ replayReasoning: true, reasoningIn: 'thinking' }),
    losses: ['approx=thinking'],
    gone: 'enabled',
  },
  {
    field: 'citations',
    request: { items: [{ kind: 'text', role: 'assistant', turn: 0, text: 'a', citations: [{ url: 'u' }] }] },
    profile: PROFILE,
    losses: ['dropped=citations'],
  },
  {
    field: 'an opaque item',
    request: { items: [{ kind: 'opaque', role: 'assistant', turn: 0, protocol: 'anthropic-messages', raw: { x: 1 } }] },
    profile: PROFILE,
    losses: ['dropped=provider_items'],
    gone: '"x"',
  },
  {
    field: 'an opaque part of a user message',
    request: { items: [{ kind: 'opaque', role: 'user', turn: 0, protocol: 'anthropic-messages', raw: { x: 1 } }] },
    profile: PROFILE,
    losses: ['dropped=provider_items'],
    gone: '"x"',
  },
  {
    field: 'a builtin beside a function',
    request: {
      tools: [FUNCTION],
      builtins: [{ protocol: 'openai-responses', kind: 'web_search', name: 'web_search', raw: {} }],
    },
    profile: PROFILE,
    losses: ['dropped=web_search'],
    gone: 'web_search',
  },
  {
    field: 'an extension of another dialect',
    request: { extensions: { gemini: { safetySettings: [{}] } } },
    profile: PROFILE,
    losses: ['dropped=safety_settings'],
    gone: 'safety',
  },
]

test.each(rows)('$field is left out and said so', ({ request, profile, losses, gone }) => {
  const encoded = encode(requestOf(request), { profile })
  expect(encoded.losses).toEqual(losses)
  if (gone !== undefined) expect(JSON.stringify(encoded.body)).not.toContain(gone)
})

const refused: readonly [string, Partial<ChatRequest>, Partial<ChatDialect>, CannotCross['code']][] = [
  ['n', { n: 2 }, {}, 'unsupported_parameter'],
  [
    'video',
    user({ kind: 'media', media: 'video', source: { from: 'url', url: 'https://a/v' } }),
    {},
    'unsupported_parameter',
  ],
  [
    'audio',
    user({ kind: 'media', media: 'audio', source: { from: 'url', url: 'https://a/v' } }),
    {},
    'unsupported_parameter',
  ],
  [
    'document',
    user({ kind: 'media', media: 'pdf', source: { from: 'url', url: 'https://a/v' } }),
    {},
    'unsupported_parameter',
  ],
  [
    'file_id',
    user({ kind: 'media', media: 'image', source: { from: 'file', fileId: 'file_7', protocol: 'anthropic-messages' } }),
    {},
    'unsupported_parameter',
  ],
  ['max_tokens', { maxOutput: 0 }, {}, 'unsupported_parameter'],
  ['tool_choice', { toolChoice: { mode: 'required' } }, {}, 'bad_request'],
  [
    'tool_choice',
    { tools: [FUNCTION], toolChoice: { mode: 'required' } },
    { forcedToolChoice: false, reasoningIn: 'enable_thinking' },
    'unsupported_parameter',
  ],
  [
    'tools',
    { builtins: [{ protocol: 'gemini', kind: 'other', name: 'codeExecution', raw: {} }] },
    {},
    'unsupported_parameter',
  ],
  ['container', { extensions: { 'anthropic-messages': { container: 'c' } } }, {}, 'unsupported_parameter'],
]

test.each(refused)('%s cannot be left out, so the request is refused: %j', (path, request, dialect, code) => {
  const attempt = (): unknown => encode(requestOf(request), { profile: profileWith(dialect) })
  expect(attempt).toThrow(expect.objectContaining({ name: 'CannotCross', path, code }))
})

describe('reasoning state', () => {
  const signature = { provider: 'anthropic', account: 'k', model: 'm', kind: 'signature', value: 'SECRET' } as const
  const items: Item[] = [
    { kind: 'reasoning', turn: 0, text: 'hm', signature },
    { kind: 'text', role: 'assistant', turn: 0, text: 'said', signature },
    { kind: 'call', turn: 0, id: 'c', name: 'f', argsText: '{}', style: 'json', signature },
    { kind: 'result', turn: 1, callId: 'c', parts: [{ kind: 'text', text: '1' }], isError: false, style: 'json' },
  ]

  test.each([
    ['another provider', { provider: 'some-server', account: 'k' }],
    ['another account', { provider: 'anthropic', account: 'other' }],
  ])('of %s is dropped, never what it hangs on', (_of, serving) => {
    const { body, messages, losses } = encode(requestOf({ items }), serving)
    expect(JSON.stringify(body)).not.toContain('SECRET')
    expect(JSON.stringify(body)).not.toContain('urs1.')
    expect(messages[0]).toMatchObject({
      content: 'said',
      reasoning_content: 'hm',
      tool_calls: [{ id: 'c', function: { name: 'f' } }],
    })
    expect(losses).toEqual(['dropped=reasoning_state'])
  })

  test('of the account that serves goes back', () => {
    const { messages, losses } = encode(requestOf({ items }), { provider: 'anthropic', account: 'k' })
    const [message] = messages as [Json]
    expect(message['reasoning_details']).toEqual([
      { type: 'reasoning.text', text: 'hm', signature: 'SECRET', index: 0 },
    ])
    expect(message['extra_content'].google.thought_signature).toBe('SECRET')
    expect(message['tool_calls'][0].extra_content.google.thought_signature).toBe('SECRET')
    expect(losses).toEqual([])
  })

  test('a native value of another dialect’s client is dropped', () => {
    const native = { ...signature, provider: '', account: '' }
    const { body, losses } = encode(
      requestOf({ items: [{ kind: 'reasoning', turn: 0, text: 'hm', signature: native }, items[1]!] }),
    )
    expect(JSON.stringify(body)).not.toContain('SECRET')
    expect(losses).toEqual(['dropped=reasoning_state'])
  })
})
