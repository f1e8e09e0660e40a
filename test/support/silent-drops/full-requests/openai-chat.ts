// Chat Completions requests with everything a conversation, its tools and its settings may hold, and what clients of
// other shapes mix in.
import type { Json } from '../../cross-dialect.ts'
import { SCHEMA } from '../../request-fields/field.ts'

const PNG = 'data:image/png;base64,AAAA'
const PDF = 'data:application/pdf;base64,AAAA'
const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }

const TOOLS = [
  { type: 'function', function: { name: 'f', description: 'd', parameters: SCHEMA, strict: true } },
  {
    type: 'custom',
    custom: {
      name: 'patch',
      description: 'd',
      format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "x"' } },
    },
  },
]

/** A conversation with everything in it that crosses. */
const CONVERSATION: Json = {
  model: 'm',
  messages: [
    { role: 'system', content: [{ type: 'text', text: 'Be brief.', ...mark }] },
    { role: 'developer', content: 'And polite.' },
    {
      role: 'user',
      name: 'ann',
      content: [
        { type: 'text', text: 'q', prompt_cache_breakpoint: { mode: 'explicit', ttl: '30m' } },
        { type: 'image_url', image_url: { url: PNG, detail: 'high' } },
        { type: 'image_url', image_url: 'https://example.com/a.png' },
        { type: 'file', file: { file_data: PDF, filename: 'a.pdf' } },
      ],
    },
    {
      role: 'assistant',
      name: 'bot',
      content: [
        { type: 'text', text: 'a' },
        { type: 'refusal', refusal: 'no' },
      ],
      reasoning_content: 'hm',
      annotations: [
        {
          type: 'url_citation',
          url_citation: { url: 'https://example.com', title: 't', start_index: 0, end_index: 1 },
        },
      ],
      tool_calls: [
        { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"x":1}' }, index: 0 },
        { id: 'c2', type: 'custom', custom: { name: 'patch', input: 'x' } },
      ],
    },
    { role: 'tool', tool_call_id: 'c1', name: 'f', content: [{ type: 'text', text: '42', ...mark }] },
    { role: 'tool', tool_call_id: 'c2', content: 'done', is_error: true },
    { role: 'assistant', content: null, refusal: 'I will not.' },
    { role: 'user', content: 'why?' },
    { role: 'system', content: 'Say why.' },
    { role: 'user', content: [{ type: 'text', text: 'go on' }] },
  ],
  tools: TOOLS,
  tool_choice: { type: 'function', function: { name: 'f' } },
  parallel_tool_calls: false,
  stream_options: { include_usage: true, include_obfuscation: false },
  response_format: { type: 'json_schema', json_schema: { name: 'n', description: 'd', schema: SCHEMA, strict: true } },
  stop: ['END', 'STOP'],
  logit_bias: { 5: 1 },
  max_tokens: 3000,
  temperature: 0.5,
  top_p: 0.9,
  user: 'who',
}

const thinking = (more: Json): Json => ({
  messages: [
    { role: 'user', content: 'q' },
    {
      role: 'assistant',
      content: 'a',
      reasoning: 'hm',
      reasoning_details: [
        { type: 'reasoning.text', text: 'hm', signature: 'c2ln', id: 'r1', format: 'anthropic-claude-v1', index: 0 },
        { type: 'reasoning.summary', summary: 'in short', index: 1 },
        { type: 'reasoning.encrypted', data: 'ZW5j', index: 2 },
      ],
      extra_content: { google: { thought_signature: 'c2ln' } },
      tool_calls: [
        {
          id: 'c1',
          type: 'function',
          function: { name: 'f', arguments: '{}' },
          extra_content: { google: { thought_signature: 'c2ln' } },
        },
      ],
    },
    { role: 'tool', tool_call_id: 'c1', content: '42' },
  ],
  tools: [TOOLS[0]],
  ...more,
})

/** Marks where the first has none. */
const MARKED: Json = {
  messages: [
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url: PNG }, ...mark },
        { type: 'file', file: { file_data: PDF }, ...mark },
      ],
    },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"x":1}' }, ...mark }],
    },
    { role: 'tool', tool_call_id: 'c1', content: '42', ...mark },
  ],
  tools: [{ type: 'function', function: { name: 'f' } }],
}

const SAID: Json = { messages: [{ role: 'user', content: 'q' }] }

export const CHAT: readonly Json[] = [
  CONVERSATION,
  MARKED,
  { ...SAID, tools: [{ type: 'function', function: { name: 'f' }, ...mark }] },
  { ...SAID, tools: [TOOLS[0]], parallel_tool_calls: true },
  { ...SAID, reasoning: { effort: 'high', max_tokens: 2000 } },
  { ...SAID, thinking: { type: 'enabled', budget_tokens: 500 } },
  { ...SAID, reasoning_effort: 'low', include_reasoning: true },
  { ...SAID, reasoning: { effort: 'high', exclude: true } },
  { ...SAID, top_logprobs: 3 },
  {
    ...SAID,
    tools: [{ type: 'function', function: { name: 'f' } }],
    tool_choice: 'required',
    parallel_tool_calls: false,
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema: SCHEMA } },
  },
  thinking({ reasoning: { effort: 'high', max_tokens: 2000, exclude: true, enabled: true } }),
  thinking({ reasoning: { effort: 'high', summary: 'detailed' } }),
  thinking({ reasoning: { effort: 'high', generate_summary: 'concise' } }),
  thinking({ reasoning_effort: 'medium', include_reasoning: true, verbosity: 'low' }),
  thinking({ thinking: { type: 'enabled', budget_tokens: 2000, odd: 1 } }),
  thinking({ enable_thinking: true, thinking_budget: 500 }),
  {
    messages: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"x":1}' } },
      { role: 'function', name: 'f', content: '42' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
          { type: 'text', text: 'a' },
        ],
      },
      { role: 'user', content: 'and?' },
    ],
    functions: [{ name: 'f', description: 'd', parameters: SCHEMA }],
    function_call: { name: 'f' },
    response_format: { type: 'json_object', schema: SCHEMA },
  },
  {
    messages: [{ role: 'user', content: 'q' }],
    tools: TOOLS,
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: {
        mode: 'required',
        tools: [
          { type: 'function', function: { name: 'f' } },
          { type: 'custom', custom: { name: 'patch' } },
        ],
      },
    },
  },
  {
    messages: [{ role: 'user', content: 'q' }],
    web_search_options: {
      search_context_size: 'high',
      user_location: {
        type: 'approximate',
        approximate: { city: 'Paris', country: 'FR', region: 'IDF', timezone: 'CET' },
      },
    },
    prediction: { type: 'content', content: 'like this' },
    metadata: { a: 'b' },
  },
  // Responses items and flat tools, as Cursor sends them.
  {
    instructions: 'Be brief.',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'q' },
          { type: 'input_image', image_url: PNG, detail: 'low' },
        ],
      },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }] },
      {
        type: 'message',
        id: 'msg_1',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'a', annotations: [] }],
      },
      { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'f', arguments: '{"x":1}', status: 'completed' },
      { type: 'function_call_output', call_id: 'c1', output: '42' },
      { type: 'custom_tool_call', call_id: 'c2', name: 'patch', input: 'x' },
      { type: 'custom_tool_call_output', call_id: 'c2', output: 'done' },
    ],
    tools: [
      { type: 'function', name: 'f', description: 'd', parameters: SCHEMA, strict: true },
      {
        type: 'custom',
        name: 'patch',
        description: 'd',
        format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
      },
    ],
    tool_choice: { type: 'function', name: 'f' },
    text: { format: { type: 'json_schema', name: 'n', schema: SCHEMA, strict: true }, verbosity: 'low' },
    include: ['reasoning.encrypted_content'],
    max_output_tokens: 300,
  },
  // Anthropic's blocks and tools.
  {
    system: [{ type: 'text', text: 'Be brief.', ...mark }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'q' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }, title: 'a.pdf' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'a' },
          { type: 'tool_use', id: 'c1', name: 'f', input: { x: 1 }, ...mark },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: '42' }], is_error: true, ...mark },
          { type: 'text', text: 'and?' },
        ],
      },
    ],
    tools: [{ name: 'f', description: 'd', input_schema: SCHEMA, ...mark }],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
    stop_sequences: ['END'],
  },
]
