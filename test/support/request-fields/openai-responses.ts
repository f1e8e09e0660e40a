// The fields of a Responses request.
import type { Json } from '../cross-dialect.ts'
import { inside, plain, SCHEMA, type RequestField } from './field.ts'

const FLAT_TOOL = { type: 'function', name: 'f', parameters: SCHEMA }
const input = (content: unknown, more: Json = {}): Json => ({ input: [{ role: 'user', content, ...more }] })

export const RESPONSES: readonly RequestField[] = [
  ...plain({
    access_programs: [{ cyber: 'standard' }, 'access_programs'],
    background: [true],
    context_management: [[{ type: 'compaction' }], 'context_management'],
    conversation: ['conv_1'],
    include: [['web_search_call.action.sources'], 'include'],
    input: [[{ role: 'user', content: 'another text' }]],
    instructions: ['Be brief.'],
    max_output_tokens: [300, 'max_tokens'],
    max_tool_calls: [3, 'max_tool_calls'],
    metadata: [{ a: 'b' }, 'metadata'],
    moderation: [{ model: 'm' }, 'moderation'],
    previous_response_id: ['resp_1'],
    prompt: [{ id: 'pmpt_1' }],
    prompt_cache_key: ['k', 'prompt_cache_key'],
    prompt_cache_options: [{ mode: 'explicit' }, 'prompt_cache_options'],
    prompt_cache_retention: ['24h', 'prompt_cache_retention'],
    safety_identifier: ['who', 'user'],
    service_tier: ['flex', 'tier'],
    store: [true, 'store'],
    stream_options: [{ include_obfuscation: true }, 'stream_options'],
    temperature: [0.5, 'temperature'],
    tools: [[FLAT_TOOL]],
    top_logprobs: [3, 'logprobs'],
    top_p: [0.97, 'top_p'],
    truncation: ['auto', 'truncation'],
    user: ['who', 'user'],
    never_heard_of: [1, 'other_fields'],
  }),
  { name: 'include.logprobs', with: { include: ['message.output_text.logprobs'] }, losses: ['logprobs'] },
  { name: 'reasoning', with: { reasoning: { effort: 'high' } }, losses: ['effort', 'thinking', 'thinking_budget'] },
  ...inside('reasoning', {
    summary: ['detailed', 'reasoning_options', 'thinking', 'thinking_budget', 'thoughts'],
    context: ['all_turns', 'reasoning_options'],
    effort: ['unheard-of', 'effort'],
  }),
  { name: 'text', with: { text: { format: { type: 'json_object' } } }, losses: ['response_format'] },
  ...inside('text', {
    verbosity: ['low', 'verbosity'],
    shape: ['round', 'text_options'],
    format: [{ type: 'grammar' }],
  }),
  {
    name: 'tool_choice',
    with: { tools: [FLAT_TOOL], tool_choice: 'required' },
    beside: { tools: [FLAT_TOOL] },
    losses: ['thinking'],
  },
  { name: 'tool_choice.unknown', with: { tool_choice: { type: 'programmatic_tool_calling' } }, losses: [] },
  {
    name: 'parallel_tool_calls',
    with: { tools: [FLAT_TOOL], parallel_tool_calls: false },
    beside: { tools: [FLAT_TOOL] },
    losses: ['parallel_tool_calls'],
  },
  {
    name: 'tools.strict',
    with: { tools: [{ ...FLAT_TOOL, strict: true }] },
    beside: { tools: [FLAT_TOOL] },
    losses: ['strict'],
  },
  {
    name: 'tools.defer_loading',
    with: { tools: [{ ...FLAT_TOOL, defer_loading: true }] },
    beside: { tools: [FLAT_TOOL] },
    losses: ['defer_loading'],
  },
  {
    name: 'tools.web_search',
    with: { tools: [FLAT_TOOL, { type: 'web_search' }] },
    beside: { tools: [FLAT_TOOL] },
    losses: ['web_search'],
  },
  ...Object.entries({
    search_context_size: 'high',
    user_location: { type: 'approximate', city: 'Paris' },
    filters: { allowed_domains: ['example.com'] },
    external_web_access: false,
    search_content_types: ['image'],
  }).map(([name, value]): RequestField => ({
    name: `tools.web_search.${name}`,
    with: { tools: [{ type: 'web_search', [name]: value }] },
    beside: { tools: [{ type: 'web_search' }] },
    losses: ['web_search'],
  })),
  {
    name: 'tools.code_interpreter',
    with: { tools: [FLAT_TOOL, { type: 'code_interpreter', container: { type: 'auto' } }] },
    beside: { tools: [FLAT_TOOL] },
    losses: ['builtin_tools'],
  },
  {
    name: 'tools.mcp',
    with: { tools: [{ type: 'mcp', server_label: 's', server_url: 'https://example.com' }] },
    losses: [],
  },
  {
    name: 'input.detail',
    with: input([{ type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'high' }]),
    beside: input([{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }]),
    losses: ['image_detail'],
  },
  {
    name: 'input.prompt_cache_breakpoint',
    with: input([{ type: 'input_text', text: 'q', prompt_cache_breakpoint: { mode: 'explicit' } }]),
    losses: ['cache_control'],
  },
  { name: 'input.file_id', with: input([{ type: 'input_file', file_id: 'file_1' }]), losses: [] },
]
