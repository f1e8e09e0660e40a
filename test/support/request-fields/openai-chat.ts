// The fields of a Chat Completions request.
import type { Json } from '../cross-dialect.ts'
import { inside, plain, SCHEMA, type RequestField } from './field.ts'

const CHAT_TOOL = { type: 'function', function: { name: 'f', parameters: SCHEMA } }
const chatUser = (content: unknown, more: Json = {}): Json => ({ messages: [{ role: 'user', content, ...more }] })

export const CHAT: readonly RequestField[] = [
  ...plain({
    messages: [[{ role: 'user', content: 'another text' }]],
    audio: [{ voice: 'alloy', format: 'wav' }],
    frequency_penalty: [0.5, 'frequency_penalty'],
    // The older form knows one call per answer.
    functions: [[{ name: 'f', parameters: SCHEMA }], 'parallel_tool_calls'],
    logit_bias: [{ 50256: -100 }, 'logit_bias'],
    logprobs: [true, 'logprobs'],
    max_completion_tokens: [300, 'max_tokens'],
    max_tokens: [300, 'max_tokens'],
    metadata: [{ a: 'b' }, 'metadata'],
    modalities: [['text', 'audio']],
    moderation: [{ model: 'm' }, 'moderation'],
    n: [2],
    prediction: [{ type: 'content', content: 'like this' }, 'prediction'],
    presence_penalty: [0.5, 'presence_penalty'],
    prompt_cache_key: ['k', 'prompt_cache_key'],
    prompt_cache_options: [{ mode: 'explicit' }, 'prompt_cache_options'],
    prompt_cache_retention: ['24h', 'prompt_cache_retention'],
    reasoning_effort: ['high', 'effort', 'thinking', 'thinking_budget'],
    safety_identifier: ['who', 'user'],
    seed: [7, 'seed'],
    service_tier: ['flex', 'tier'],
    stop: [['END'], 'stop'],
    store: [true, 'store'],
    temperature: [0.5, 'temperature'],
    tools: [[CHAT_TOOL]],
    top_p: [0.97, 'top_p'],
    user: ['who', 'user'],
    verbosity: ['low', 'verbosity'],
    // What servers like OpenAI's know beside.
    top_k: [5, 'top_k'],
    thinking: [{ type: 'enabled', budget_tokens: 3000 }, 'thinking', 'thinking_budget', 'effort'],
    reasoning: [{ effort: 'high' }, 'effort', 'thinking', 'thinking_budget'],
    never_heard_of: [1, 'other_fields'],
  }),
  { name: 'enable_thinking', with: { enable_thinking: false }, losses: ['thinking', 'effort'], mayBeSo: true },
  { name: 'stream_options', with: { stream_options: { include_obfuscation: true } }, losses: ['stream_options'] },
  { name: 'response_format', with: { response_format: { type: 'json_object' } }, losses: ['response_format'] },
  {
    name: 'response_format.json_schema',
    with: { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: SCHEMA, strict: true } } },
    losses: ['response_format'],
  },
  { name: 'response_format.unknown', with: { response_format: { type: 'grammar', grammar: 'x' } }, losses: [] },
  { name: 'top_logprobs', with: { logprobs: true, top_logprobs: 3 }, losses: ['logprobs'] },
  {
    name: 'tool_choice',
    with: { tools: [CHAT_TOOL], tool_choice: 'required' },
    beside: { tools: [CHAT_TOOL] },
    losses: [],
  },
  {
    name: 'tool_choice.named',
    with: { tools: [CHAT_TOOL], tool_choice: { type: 'function', function: { name: 'f' } } },
    beside: { tools: [CHAT_TOOL] },
    losses: [],
  },
  {
    name: 'function_call',
    with: { functions: [{ name: 'f', parameters: SCHEMA }], function_call: { name: 'f' } },
    beside: { functions: [{ name: 'f', parameters: SCHEMA }] },
    losses: [],
  },
  {
    name: 'parallel_tool_calls',
    with: { tools: [CHAT_TOOL], parallel_tool_calls: false },
    beside: { tools: [CHAT_TOOL] },
    losses: ['parallel_tool_calls'],
  },
  {
    name: 'tools.strict',
    with: { tools: [{ type: 'function', function: { ...CHAT_TOOL.function, strict: true } }] },
    beside: { tools: [CHAT_TOOL] },
    losses: ['strict'],
  },
  {
    name: 'tools.odd',
    with: { tools: [{ ...CHAT_TOOL, odd: 1 }] },
    beside: { tools: [CHAT_TOOL] },
    losses: ['tool_fields'],
  },
  { name: 'web_search_options', with: { web_search_options: {} }, losses: [] },
  ...inside(
    'web_search_options',
    {
      search_context_size: ['high', 'web_search'],
      user_location: [{ type: 'approximate', approximate: { city: 'Paris' } }, 'web_search'],
    },
    { held: {} },
  ),
  { name: 'messages.name', with: chatUser('q', { name: 'Ann' }), losses: ['message_fields'] },
  {
    name: 'messages.detail',
    with: chatUser([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'high' } }]),
    beside: chatUser([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }]),
    losses: ['image_detail'],
  },
  {
    name: 'messages.cache_control',
    with: chatUser([{ type: 'text', text: 'q', cache_control: { type: 'ephemeral' } }]),
    losses: ['cache_control'],
  },
  {
    name: 'messages.filename',
    with: chatUser([{ type: 'file', file: { filename: 'named.pdf', file_data: 'data:application/pdf;base64,AAAA' } }]),
    beside: chatUser([{ type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA' } }]),
    losses: ['filename'],
  },
  {
    name: 'messages.audio',
    with: chatUser([{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }]),
    losses: [],
  },
  { name: 'messages.file_id', with: chatUser([{ type: 'file', file: { file_id: 'file_1' } }]), losses: [] },
  {
    name: 'messages.unknown',
    with: chatUser([
      { type: 'text', text: 'q' },
      { type: 'odd', odd: 1 },
    ]),
    losses: ['provider_items'],
  },
]
