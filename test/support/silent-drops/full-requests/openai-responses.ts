// Responses requests with everything their items, tools and settings may hold.
import type { Json } from '../../cross-dialect.ts'
import { SCHEMA } from '../../request-fields/field.ts'

const PNG = 'data:image/png;base64,AAAA'
const mark = { prompt_cache_breakpoint: { mode: 'explicit', ttl: '30m' } }
const FUNCTION = { type: 'function', name: 'f', description: 'd', parameters: SCHEMA, strict: true }
const CUSTOM = {
  type: 'custom',
  name: 'patch',
  description: 'd',
  format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
}

export const RESPONSES: readonly Json[] = [
  {
    model: 'm',
    instructions: 'Be brief.',
    input: [
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'And polite.', ...mark }] },
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: 'q', ...mark },
          { type: 'input_image', image_url: PNG, detail: 'high', ...mark },
          {
            type: 'input_file',
            file_data: 'data:application/pdf;base64,AAAA',
            filename: 'a.pdf',
            detail: 'high',
            ...mark,
          },
        ],
      },
      {
        type: 'reasoning',
        id: 'rs_1',
        status: 'completed',
        summary: [{ type: 'summary_text', text: 'in short' }],
        content: [{ type: 'reasoning_text', text: 'at length' }],
        encrypted_content: 'ZW5j',
      },
      {
        type: 'message',
        id: 'msg_1',
        status: 'completed',
        role: 'assistant',
        phase: 'commentary',
        content: [
          {
            type: 'output_text',
            text: 'a',
            annotations: [
              { type: 'url_citation', url: 'https://example.com', title: 't', start_index: 0, end_index: 1 },
            ],
            logprobs: [],
          },
          { type: 'refusal', refusal: 'no' },
        ],
      },
      {
        type: 'function_call',
        id: 'fc_1',
        status: 'completed',
        call_id: 'c1',
        name: 'f',
        arguments: '{"x":1}',
        caller: { type: 'programmatic', id: 'p1' },
      },
      { type: 'function_call', id: 'fc_2', call_id: 'c2', name: 'g', namespace: 'n', arguments: '{}' },
      { type: 'custom_tool_call', id: 'ctc_1', status: 'completed', call_id: 'c3', name: 'patch', input: 'x' },
      {
        type: 'function_call_output',
        id: 'fco_1',
        status: 'completed',
        call_id: 'c1',
        caller: { type: 'programmatic', id: 'p1' },
        output: [
          { type: 'input_text', text: '42', ...mark },
          { type: 'input_image', image_url: PNG, detail: 'low' },
        ],
      },
      { type: 'function_call_output', call_id: 'c2', output: 'two' },
      { type: 'custom_tool_call_output', id: 'cto_1', call_id: 'c3', output: 'done' },
      { role: 'user', content: 'go on' },
      { role: 'system', content: 'Say why.' },
      { role: 'user', content: 'why?' },
    ],
    tools: [
      FUNCTION,
      CUSTOM,
      {
        type: 'namespace',
        name: 'n',
        description: 'd',
        tools: [{ type: 'function', name: 'g', description: 'd', parameters: SCHEMA, strict: false }],
      },
    ],
    tool_choice: { type: 'function', name: 'f' },
    parallel_tool_calls: false,
    text: {
      format: { type: 'json_schema', name: 'n', description: 'd', schema: SCHEMA, strict: true },
      verbosity: 'low',
    },
    reasoning: { effort: 'high', summary: 'detailed', context: 'all_turns' },
    temperature: 0.5,
    max_output_tokens: 3000,
    include: ['reasoning.encrypted_content'],
    store: false,
  },
  {
    input: [
      { role: 'user', content: 'q' },
      { type: 'additional_tools', role: 'developer', id: 'at_1', tools: [FUNCTION] },
      { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'x' } },
      {
        role: 'user',
        content: [
          { type: 'odd_part', odd: 1 },
          { type: 'input_text', text: 'go on' },
        ],
      },
    ],
    tools: [
      {
        type: 'web_search',
        filters: { allowed_domains: ['example.com'] },
        user_location: { type: 'approximate', city: 'Paris', country: 'FR', region: 'IDF', timezone: 'CET' },
        search_context_size: 'high',
      },
      { type: 'code_interpreter', container: { type: 'auto' } },
    ],
    text: { format: { type: 'json_object', schema: SCHEMA } },
    reasoning: { effort: 'low', generate_summary: 'concise' },
  },
  { input: [{ role: 'user', content: 'q' }], tools: [FUNCTION], parallel_tool_calls: true },
  {
    input: [{ role: 'user', content: 'q' }],
    tools: [FUNCTION, CUSTOM, { type: 'function', name: 'g' }],
    tool_choice: {
      type: 'allowed_tools',
      mode: 'required',
      tools: [
        { type: 'function', name: 'f' },
        { type: 'custom', name: 'patch' },
      ],
    },
  },
  {
    input: [{ role: 'user', content: 'q' }],
    tools: [FUNCTION, { type: 'namespace', name: 'n', description: 'd', tools: [{ ...CUSTOM }] }],
    tool_choice: { type: 'custom', name: 'patch', namespace: 'n' },
  },
  { input: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } }] }] },
]
