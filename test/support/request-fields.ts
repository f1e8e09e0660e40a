// Every field that a request may have, dialect by dialect, with a value that is no default: top-level ones as the vendors'
// own SDKs type them (November 2026), and the settings inside those that hold several. `losses`: the names under which a
// dialect that has no such field may report it.
import type { LossName } from '../../server/protocols/losses.ts'
import type { Dialect, Json } from './cross-dialect.ts'

export interface RequestField {
  /** As in `thinking.display`; the top-level field is what stands before the first dot. */
  readonly name: string
  /** What the request has more than the plain one. */
  readonly with: Json
  /** What the request has without it, where more is needed for the field to mean something. */
  readonly beside?: Json
  /** Names for its loss; none = it must be carried, or the crossing refused. */
  readonly losses: readonly LossName[]
  /** What it asks for may be what a model does anyway. */
  readonly mayBeSo?: true
}

const SCHEMA = { type: 'object', properties: { x: { type: 'number' } }, required: ['x'], additionalProperties: false }

/** `temperature → {temperature: 0.5}`: fields that need nothing else. */
function plain(fields: Readonly<Record<string, readonly [value: unknown, ...losses: LossName[]]>>): RequestField[] {
  return Object.entries(fields).map(([name, [value, ...losses]]) => ({ name, with: { [name]: value }, losses }))
}

/** Fields inside another one. */
function inside(
  holder: string,
  fields: Readonly<Record<string, readonly [value: unknown, ...losses: LossName[]]>>,
  more: { readonly held?: Json; readonly beside?: Json } = {},
): RequestField[] {
  const { held, beside } = more
  return Object.entries(fields).map(([name, [value, ...losses]]) => ({
    name: `${holder}.${name}`,
    with: { ...beside, [holder]: { ...held, [name]: value } },
    beside: { ...beside, ...(held && { [holder]: held }) },
    losses,
  }))
}

// ---- Chat Completions ------------------------------------------------------------------------------------------------

const CHAT_TOOL = { type: 'function', function: { name: 'f', parameters: SCHEMA } }
const chatUser = (content: unknown, more: Json = {}): Json => ({ messages: [{ role: 'user', content, ...more }] })

const CHAT: readonly RequestField[] = [
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
  { name: 'stream_options', with: { stream_options: { include_obfuscation: false } }, losses: ['stream_options'] },
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

// ---- Responses -------------------------------------------------------------------------------------------------------

const FLAT_TOOL = { type: 'function', name: 'f', parameters: SCHEMA }
const input = (content: unknown, more: Json = {}): Json => ({ input: [{ role: 'user', content, ...more }] })

const RESPONSES: readonly RequestField[] = [
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
    stream_options: [{ include_obfuscation: false }, 'stream_options'],
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
    summary: ['detailed', 'reasoning_options', 'thinking', 'thinking_budget'],
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
    losses: [],
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

// ---- Messages --------------------------------------------------------------------------------------------------------

const SCHEMA_TOOL = { name: 'f', input_schema: SCHEMA }
const messages = (...content: unknown[]): Json => ({ messages: [{ role: 'user', content }] })
const IMAGE = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }
const PDF = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' } }

const MESSAGES: readonly RequestField[] = [
  ...plain({
    messages: [[{ role: 'user', content: 'another text' }]],
    max_tokens: [300, 'max_tokens'],
    cache_control: [{ type: 'ephemeral' }, 'cache_control'],
    compaction: [{ type: 'auto' }, 'compaction'],
    container: ['container_1'],
    context_management: [{ edits: [] }, 'context_management'],
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
    thinking: [{ type: 'enabled', budget_tokens: 3000 }, 'thinking', 'thinking_budget', 'effort'],
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
    losses: [],
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
    allowed_callers: ['direct'],
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

// ---- generateContent -------------------------------------------------------------------------------------------------

const DECLARED = { functionDeclarations: [{ name: 'f', parametersJsonSchema: SCHEMA }] }
const contents = (...parts: unknown[]): Json => ({ contents: [{ role: 'user', parts }] })
const INLINE = { inlineData: { mimeType: 'image/png', data: 'AAAA' } }

const GEMINI: readonly RequestField[] = [
  ...plain({
    contents: [[{ role: 'user', parts: [{ text: 'another text' }] }]],
    systemInstruction: [{ parts: [{ text: 'Be brief.' }] }],
    tools: [[DECLARED]],
    safetySettings: [[{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }], 'safety_settings'],
    cachedContent: ['cachedContents/1'],
    labels: [{ a: 'b' }, 'labels'],
    modelArmorConfig: [{ promptTemplateName: 't' }, 'model_armor_config'],
    serviceTier: ['flex', 'tier'],
    store: [true, 'store'],
    neverHeardOf: [1, 'other_fields'],
  }),
  {
    name: 'toolConfig',
    with: { tools: [DECLARED], toolConfig: { functionCallingConfig: { mode: 'ANY' } } },
    beside: { tools: [DECLARED] },
    losses: [],
  },
  ...inside(
    'toolConfig',
    {
      retrievalConfig: [{ languageCode: 'en' }, 'tool_config'],
      includeServerSideToolInvocations: [true, 'tool_config'],
    },
    { beside: { tools: [DECLARED] } },
  ),
  { name: 'generationConfig', with: { generationConfig: { temperature: 0.5 } }, losses: ['temperature'] },
  ...inside('generationConfig', {
    topP: [0.97, 'top_p'],
    topK: [5, 'top_k'],
    candidateCount: [2],
    maxOutputTokens: [300, 'max_tokens'],
    stopSequences: [['END'], 'stop'],
    presencePenalty: [0.5, 'presence_penalty'],
    frequencyPenalty: [0.5, 'frequency_penalty'],
    seed: [7, 'seed'],
    responseLogprobs: [true, 'logprobs'],
    responseMimeType: ['application/json', 'response_format'],
    responseModalities: [['TEXT', 'IMAGE']],
    thinkingConfig: [{ thinkingLevel: 'HIGH' }, 'effort', 'thinking', 'thinking_budget'],
    speechConfig: [{ voiceConfig: {} }, 'media'],
    imageConfig: [{ aspectRatio: '1:1' }, 'media'],
    mediaResolution: ['MEDIA_RESOLUTION_LOW', 'media_resolution'],
    audioTimestamp: [true, 'audio_timestamp'],
    enableEnhancedCivicAnswers: [true, 'other_fields'],
    routingConfig: [{ autoMode: {} }, 'other_fields'],
  }),
  ...inside(
    'generationConfig',
    { responseSchema: [{ type: 'OBJECT', properties: { x: { type: 'NUMBER' } } }, 'response_format'] },
    { held: { responseMimeType: 'application/json' } },
  ),
  ...inside(
    'generationConfig',
    { responseJsonSchema: [SCHEMA, 'response_format'] },
    { held: { responseMimeType: 'application/json' } },
  ),
  {
    name: 'generationConfig.responseMimeType.enum',
    with: {
      generationConfig: { responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: ['a', 'b'] } },
    },
    losses: [],
  },
  {
    name: 'generationConfig.logprobs',
    with: { generationConfig: { responseLogprobs: true, logprobs: 3 } },
    losses: ['logprobs'],
  },
  {
    name: 'generationConfig.thinkingConfig.thinkingBudget',
    with: { generationConfig: { thinkingConfig: { thinkingBudget: 3000 } } },
    losses: ['effort', 'thinking', 'thinking_budget'],
  },
  {
    name: 'tools.response',
    with: { tools: [{ functionDeclarations: [{ ...DECLARED.functionDeclarations[0], behavior: 'NON_BLOCKING' }] }] },
    beside: { tools: [DECLARED] },
    losses: ['tool_fields'],
  },
  {
    name: 'tools.googleSearch',
    with: { tools: [DECLARED, { googleSearch: {} }] },
    beside: { tools: [DECLARED] },
    losses: ['web_search'],
  },
  {
    name: 'tools.googleSearch.timeRangeFilter',
    with: { tools: [{ googleSearch: { timeRangeFilter: { startTime: '2026-01-01T00:00:00Z' } } }] },
    beside: { tools: [{ googleSearch: {} }] },
    losses: ['web_search'],
  },
  {
    name: 'tools.codeExecution',
    with: { tools: [DECLARED, { codeExecution: {} }] },
    beside: { tools: [DECLARED] },
    losses: ['builtin_tools'],
  },
  {
    name: 'contents.mediaResolution',
    with: contents({ ...INLINE, mediaResolution: { level: 'MEDIA_RESOLUTION_LOW' } }),
    beside: contents(INLINE),
    losses: ['media_resolution'],
  },
  {
    name: 'contents.videoMetadata',
    with: contents({ text: 'q', videoMetadata: { fps: 1 } }),
    losses: ['video_metadata'],
  },
  {
    name: 'contents.fileData',
    with: contents({
      fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/1', mimeType: 'image/png' },
    }),
    losses: [],
  },
  { name: 'contents.unknown', with: contents({ text: 'q' }, { odd: { x: 1 } }), losses: ['provider_items'] },
]

/** The plainest request, to which a field is added. */
export const PLAIN_REQUESTS: Readonly<Record<Dialect, Json>> = {
  'openai-chat': { messages: [{ role: 'user', content: 'q' }] },
  'openai-responses': { input: [{ role: 'user', content: 'q' }] },
  'anthropic-messages': { max_tokens: 4000, messages: [{ role: 'user', content: 'q' }] },
  gemini: { contents: [{ role: 'user', parts: [{ text: 'q' }] }] },
}

export const REQUEST_FIELDS: Readonly<Record<Dialect, readonly RequestField[]>> = {
  'openai-chat': CHAT,
  'openai-responses': RESPONSES,
  'anthropic-messages': MESSAGES,
  gemini: GEMINI,
}

/** Named by the address and by how the answer is asked for, so there is nothing to carry. */
export const ROUTED_FIELDS: ReadonlySet<string> = new Set(['model', 'stream'])
