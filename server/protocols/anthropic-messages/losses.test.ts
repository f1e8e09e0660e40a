// Every field of a request either reaches Anthropic, is reported as lost or changed, or refuses the crossing: a table
// over all of them.
import { describe, expect, test } from 'vitest'
import type { ChatRequest, Item } from '../canonical.ts'
import { CannotCross } from '../codec.ts'
import type { ModelProfile } from '../profile.ts'
import { BUDGET_PROFILE, encode, PROFILE } from './testing.ts'

interface Row {
  readonly fields: Partial<ChatRequest>
  readonly profile?: ModelProfile
  /** Warnings, each once; none = the field is carried. */
  readonly losses?: readonly string[]
  /** Stands in the body. */
  readonly body?: Record<string, unknown>
  /** The crossing is refused, naming this. */
  readonly refused?: string
  /** It would make no sense in any dialect. */
  readonly badRequest?: true
}

const user = (fields: Record<string, unknown>): Partial<ChatRequest> => ({
  items: [{ role: 'user', turn: 0, ...fields } as unknown as Item],
})
const f = { kind: 'function', name: 'f', schema: { type: 'object', properties: {} } } as const
const OLD: ModelProfile = { ...BUDGET_PROFILE, schema: 'forced-tool', cacheBreakpoints: false }

const TABLE: Readonly<
  Record<Exclude<keyof ChatRequest, 'extensions' | 'origin' | 'echo' | 'legacyCalls' | 'streamUsage'>, readonly Row[]>
> = {
  model: [{ fields: { model: 'other' }, body: { model: 'claude-opus-5' } }],
  stream: [{ fields: { stream: true } }],
  instructions: [
    { fields: { instructions: [{ role: 'developer', text: 'Be brief.' }] }, body: { system: 'Be brief.' } },
  ],
  items: [
    {
      fields: user({ kind: 'media', media: 'audio', source: { from: 'data', mime: 'audio/wav', data: '' } }),
      refused: 'audio',
    },
    { fields: user({ kind: 'media', media: 'video', source: { from: 'url', url: 'https://x' } }), refused: 'video' },
    {
      fields: user({ kind: 'media', media: 'image', source: { from: 'data', mime: 'image/tiff', data: '' } }),
      refused: 'image',
    },
    {
      fields: user({ kind: 'media', media: 'file', source: { from: 'data', mime: 'application/zip', data: '' } }),
      refused: 'file',
    },
    { fields: user({ kind: 'media', media: 'image', source: { from: 'file', fileId: 'x' } }), refused: 'file_id' },
    {
      fields: user({ kind: 'media', media: 'pdf', source: { from: 'file', fileId: 'x', protocol: 'gemini' } }),
      refused: 'file_id',
    },
    {
      fields: user({ kind: 'media', media: 'image', role: 'assistant', source: { from: 'url', url: 'https://x' } }),
      refused: 'messages',
    },
    {
      fields: user({ kind: 'media', media: 'image', detail: 'low', source: { from: 'url', url: 'https://x' } }),
      losses: ['dropped=image_detail'],
    },
    { fields: user({ kind: 'opaque', protocol: 'gemini', raw: {} }), losses: ['dropped=provider_items'] },
    {
      fields: user({ kind: 'opaque', protocol: 'openai-responses', raw: { type: 'computer_call' } }),
      refused: 'input',
    },
    { fields: user({ kind: 'text', text: 'x', extra: { gemini: { odd: 1 } } }), losses: ['dropped=message_fields'] },
    {
      fields: user({ kind: 'text', role: 'assistant', text: 'x', citations: [{ url: 'https://x' }] }),
      losses: ['dropped=citations'],
    },
    { fields: user({ kind: 'reasoning', text: 'thoughts of somebody' }), losses: ['dropped=reasoning_state'] },
    {
      fields: user({ kind: 'call', id: 'c', name: 'f', argsText: '{"cut', style: 'json' }),
      losses: ['approx=tool_arguments'],
    },
    { fields: user({ kind: 'text', text: 'x', cache: {} }), profile: OLD, losses: ['dropped=cache_control'] },
    { fields: user({ kind: 'text', text: 'x', cache: { ttl: '30m' } }), losses: ['approx=cache_ttl'] },
  ],
  tools: [
    { fields: { tools: [{ ...f, strict: true }] }, profile: OLD, losses: ['dropped=strict'] },
    { fields: { tools: [{ ...f, extra: { gemini: { behavior: 'x' } } }] }, losses: ['dropped=tool_fields'] },
    {
      fields: {
        tools: [
          { ...f, strict: true, schema: { type: 'object', properties: { a: { type: 'string', minLength: 1 } } } },
        ],
      },
      losses: ['approx=schema'],
    },
  ],
  builtins: [
    {
      fields: {
        tools: [f],
        builtins: [{ protocol: 'openai-responses', kind: 'other', name: 'code_interpreter', raw: {} }],
      },
      losses: ['dropped=builtin_tools'],
    },
    {
      fields: { builtins: [{ protocol: 'openai-responses', kind: 'other', name: 'file_search', raw: {} }] },
      refused: 'tools',
    },
    {
      fields: {
        tools: [f],
        toolChoice: { mode: 'named', name: 'file_search' },
        builtins: [{ protocol: 'openai-responses', kind: 'other', name: 'file_search', raw: {} }],
      },
      refused: 'tools',
    },
    {
      fields: { builtins: [{ protocol: 'gemini', kind: 'web_search', name: 'google_search', raw: {} }] },
      body: { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
    },
  ],
  toolChoice: [{ fields: { toolChoice: { mode: 'required' } }, refused: 'tool_choice', badRequest: true }],
  parallel: [
    {
      fields: { tools: [f], parallel: false },
      body: { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    },
  ],
  format: [
    { fields: { format: { kind: 'json_object' } }, losses: ['approx=response_format'] },
    {
      fields: { format: { kind: 'json_schema', schema: { type: 'object' } } },
      profile: OLD,
      losses: ['approx=response_format'],
    },
    {
      fields: { format: { kind: 'json_schema', schema: { type: 'array' } } },
      profile: OLD,
      refused: 'response_format',
    },
  ],
  reasoning: [
    { fields: { reasoning: { effort: 'minimal' } }, losses: ['approx=effort'] },
    { fields: { reasoning: { budget: 5000 } }, losses: ['approx=thinking_budget'] },
    { fields: { reasoning: { effort: 'high' } }, profile: BUDGET_PROFILE, losses: ['approx=thinking_budget'] },
    {
      fields: { reasoning: { effort: 'high' } },
      profile: { ...PROFILE, thinking: 'none' },
      losses: ['dropped=thinking'],
    },
    {
      fields: { reasoning: { effort: 'none' } },
      profile: { ...PROFILE, canDisableThinking: false },
      losses: ['approx=thinking'],
    },
    { fields: { reasoning: { adaptive: false, effort: 'low' } }, profile: BUDGET_PROFILE, losses: ['dropped=effort'] },
  ],
  sampling: [
    {
      fields: {
        sampling: {
          temperature: 0.5,
          topP: 0.9,
          topK: 4,
          frequencyPenalty: 1,
          presencePenalty: 1,
          logitBias: { 5: 1 },
        },
      },
      losses: [
        'dropped=frequency_penalty',
        'dropped=presence_penalty',
        'dropped=logit_bias',
        'dropped=temperature',
        'dropped=top_p',
        'dropped=top_k',
      ],
    },
    {
      fields: { sampling: { temperature: 1.5 } },
      profile: BUDGET_PROFILE,
      losses: ['approx=temperature'],
      body: { temperature: 1 },
    },
    { fields: { sampling: { temperature: 0.5, topP: 0.5 } }, profile: BUDGET_PROFILE, losses: ['dropped=top_p'] },
  ],
  stop: [{ fields: { stop: ['END'] }, body: { stop_sequences: ['END'] } }],
  maxOutput: [
    { fields: { maxOutput: 5 }, body: { max_tokens: 5 } },
    {
      fields: { maxOutput: 1000, reasoning: { budget: 2000, visible: true } },
      profile: BUDGET_PROFILE,
      losses: ['approx=max_tokens'],
      body: { max_tokens: 3000, thinking: { type: 'enabled', budget_tokens: 2000 } },
    },
  ],
  n: [{ fields: { n: 2 }, refused: 'n' }, { fields: { n: 1 } }],
  logprobs: [{ fields: { logprobs: {} }, losses: ['dropped=logprobs'] }],
  seed: [{ fields: { seed: 7 }, losses: ['dropped=seed'] }],
  verbosity: [{ fields: { verbosity: 'low' }, losses: ['dropped=verbosity'] }],
  cacheKey: [{ fields: { cacheKey: 'k' }, losses: ['dropped=prompt_cache_key'] }],
  tier: [
    { fields: { tier: 'flex' }, losses: ['dropped=tier'] },
    { fields: { tier: 'priority' }, losses: ['approx=tier'], body: { service_tier: 'auto' } },
    { fields: { tier: 'default' }, body: { service_tier: 'standard_only' } },
  ],
  userId: [{ fields: { userId: 'u' }, body: { metadata: { user_id: 'u' } } }],
}

describe.each(Object.entries(TABLE))('%s', (_field, rows) => {
  test.each(rows.map((row) => [JSON.stringify(row.fields), row] as const))('%s', (_name, row) => {
    const { fields, profile = PROFILE, losses = [], body = {}, refused, badRequest } = row
    if (refused !== undefined) {
      expect(() => encode(fields, { profile })).toThrow(
        expect.objectContaining({ path: refused, code: badRequest ? 'bad_request' : 'unsupported_parameter' }),
      )
      return
    }
    const encoded = encode(fields, { profile })
    expect(encoded.losses).toEqual(losses)
    expect(encoded.body).toMatchObject(body)
  })
})

describe('fields of other dialects', () => {
  test('each is reported, but what has no value', () => {
    const extensions = {
      'openai-chat': {
        store: true,
        prediction: { content: 'a' },
        metadata: null,
        background: false,
        moderation: {},
        clear_thinking: false,
      },
      gemini: { labels: { a: 'b' }, safety_settings: [] },
      'openai-responses': { stream_options: { include_obfuscation: false }, truncation: 'disabled' },
    }
    expect(encode({ extensions }).losses).toEqual([
      'dropped=store',
      'dropped=prediction',
      'dropped=other_fields',
      'dropped=labels',
    ])
  })

  test.each(['mcp_servers', 'container', 'conversation', 'background', 'previous_response_id', 'cachedContent'])(
    '%s cannot cross',
    (field) => {
      expect(() => encode({ extensions: { 'openai-responses': { [field]: 'x' } } })).toThrow(CannotCross)
    },
  )
})
