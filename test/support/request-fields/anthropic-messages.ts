// The fields of a Messages request.
import type { LossName } from '../../../server/protocols/losses.ts'
import type { Json } from '../cross-dialect.ts'
import { inside, plain, SCHEMA, type RequestField } from './field.ts'

const SCHEMA_TOOL = { name: 'f', input_schema: SCHEMA }
const messages = (...content: unknown[]): Json => ({ messages: [{ role: 'user', content }] })
const IMAGE = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }
const PDF = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' } }

export const MESSAGES: readonly RequestField[] = [
  ...plain({
    messages: [[{ role: 'user', content: 'another text' }]],
    max_tokens: [300, 'max_tokens'],
    cache_control: [{ type: 'ephemeral' }, 'cache_control'],
    compaction: [{ type: 'auto' }, 'compaction'],
    container: ['container_1'],
    context_management: [{ edits: [{ type: 'clear_tool_uses_20250919' }] }, 'context_management'],
    diagnostics: [{ previous_message_id: 'm' }, 'diagnostics'],
    fallback_credit_token: ['t', 'fallback_credit_token'],
    fallbacks: [{ models: ['m'] }, 'fallbacks'],
    inference_geo: ['eu', 'inference_geo'],
    mcp_servers: [[{ type: 'url', url: 'https://example.com', name: 's' }]],
    output_format: [{ type: 'json_schema', schema: SCHEMA }, 'response_format'],
    service_tier: ['standard_only', 'tier'],
    speed: ['fast', 'speed', 'tier'],
    stop_sequences: [['END'], 'stop'],
    system: ['Be brief.'],
    temperature: [0.5, 'temperature'],
    thinking: [{ type: 'enabled', budget_tokens: 3000 }, 'thinking', 'thinking_budget', 'effort', 'thoughts'],
    tools: [[SCHEMA_TOOL]],
    top_k: [5, 'top_k'],
    top_p: [0.97, 'top_p'],
    user_profile_id: ['u', 'user_profile_id'],
    never_heard_of: [1, 'other_fields'],
  }),
  { name: 'max_tokens.0', with: { max_tokens: 0 }, losses: [] },
  { name: 'metadata', with: { metadata: { user_id: 'who' } }, losses: ['user'] },
  ...inside('metadata', { odd: ['x', 'metadata'] }),
  {
    name: 'output_config',
    with: { output_config: { format: { type: 'json_schema', schema: SCHEMA } } },
    losses: ['response_format'],
  },
  ...inside('output_config', {
    effort: ['high', 'effort', 'thinking', 'thinking_budget'],
    odd: ['x', 'other_fields'],
    format: [{ type: 'grammar' }],
  }),
  {
    name: 'output_config.effort.unknown',
    with: { output_config: { effort: 'unheard-of' } },
    losses: ['effort'],
  },
  { name: 'thinking.unknown', with: { thinking: { type: 'unheard-of' } }, losses: ['thinking'] },
  {
    name: 'tool_choice',
    with: { tools: [SCHEMA_TOOL], tool_choice: { type: 'any' } },
    beside: { tools: [SCHEMA_TOOL] },
    losses: ['thinking'],
  },
  {
    name: 'tool_choice.disable_parallel_tool_use',
    with: { tools: [SCHEMA_TOOL], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    beside: { tools: [SCHEMA_TOOL], tool_choice: { type: 'auto' } },
    losses: ['parallel_tool_calls'],
  },
  {
    name: 'tools.strict',
    with: { tools: [{ ...SCHEMA_TOOL, strict: true }] },
    beside: { tools: [SCHEMA_TOOL] },
    losses: ['strict'],
  },
  ...Object.entries({
    cache_control: { type: 'ephemeral' },
    defer_loading: true,
    input_examples: [{ x: 1 }],
    allowed_callers: ['code_execution_20250825'],
    eager_input_streaming: true,
  }).map(([name, value]): RequestField => ({
    name: `tools.${name}`,
    with: { tools: [{ ...SCHEMA_TOOL, [name]: value }] },
    beside: { tools: [SCHEMA_TOOL] },
    losses: [name as LossName],
  })),
  {
    name: 'tools.web_search',
    with: { tools: [SCHEMA_TOOL, { type: 'web_search_20250305', name: 'web_search' }] },
    beside: { tools: [SCHEMA_TOOL] },
    losses: ['web_search'],
  },
  ...Object.entries({
    max_uses: 2,
    allowed_domains: ['example.com'],
    blocked_domains: ['example.com'],
    user_location: { type: 'approximate', city: 'Paris' },
  }).map(([name, value]): RequestField => ({
    name: `tools.web_search.${name}`,
    with: { tools: [{ type: 'web_search_20250305', name: 'web_search', [name]: value }] },
    beside: { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
    losses: ['web_search'],
  })),
  {
    name: 'tools.bash',
    with: { tools: [SCHEMA_TOOL, { type: 'bash_20250124', name: 'bash' }] },
    beside: { tools: [SCHEMA_TOOL] },
    losses: ['builtin_tools'],
  },
  {
    name: 'messages.cache_control',
    with: messages({ type: 'text', text: 'q', cache_control: { type: 'ephemeral' } }),
    losses: ['cache_control'],
  },
  {
    name: 'messages.title',
    with: messages({ ...PDF, title: 'named.pdf' }),
    beside: messages(PDF),
    losses: ['filename'],
  },
  {
    name: 'messages.context',
    with: messages({ ...PDF, context: 'of 1999' }),
    beside: messages(PDF),
    losses: ['message_fields'],
  },
  {
    name: 'messages.citations',
    with: messages({ ...PDF, citations: { enabled: true } }),
    beside: messages(PDF),
    losses: ['citations'],
  },
  {
    name: 'messages.file_id',
    with: messages({ type: 'document', source: { type: 'file', file_id: 'file_1' } }),
    losses: [],
  },
  {
    name: 'messages.unknown',
    with: messages(IMAGE, { type: 'odd', odd: 1 }),
    beside: messages(IMAGE),
    losses: ['provider_items'],
  },
]
