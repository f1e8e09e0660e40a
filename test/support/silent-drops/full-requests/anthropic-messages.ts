// Messages requests with everything their blocks, tools and settings may hold.
import type { Json } from '../../cross-dialect.ts'
import { SCHEMA } from '../../request-fields/field.ts'

const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }
const plainMark = { cache_control: { type: 'ephemeral' } }
const IMAGE = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }

export const MESSAGES: readonly Json[] = [
  {
    model: 'm',
    max_tokens: 4000,
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1' },
      { type: 'text', text: 'Be brief.', ...mark },
    ],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'q', ...plainMark },
          { ...IMAGE, ...plainMark },
          { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
          {
            type: 'document',
            source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' },
            title: 'a.pdf',
            context: 'of 1999',
            citations: { enabled: true },
          },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'words' }, title: 'a.txt' },
          {
            type: 'document',
            source: {
              type: 'content',
              content: [
                { type: 'text', text: 'piece', ...plainMark },
                { ...IMAGE, ...plainMark },
                { type: 'odd', odd: 1 },
              ],
            },
            title: 'pieces',
          },
          { type: 'document', source: { type: 'content', content: [{ type: 'odder' }] } },
          {
            type: 'search_result',
            source: 'https://example.com',
            title: 't',
            content: [{ type: 'text', text: 'found' }],
            citations: { enabled: true },
          },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
          { type: 'redacted_thinking', data: 'ZW5j' },
          {
            type: 'text',
            text: 'a',
            citations: [
              {
                type: 'web_search_result_location',
                url: 'https://example.com',
                title: 't',
                cited_text: 'x',
                encrypted_index: 'i',
              },
            ],
          },
          {
            type: 'tool_use',
            id: 'c1',
            name: 'f',
            input: { x: 1 },
            caller: { type: 'code_execution_20250825', tool_id: 'srv' },
            ...plainMark,
          },
          { type: 'tool_use', id: 'c2', name: 'f', input: {}, caller: { type: 'direct' } },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'c1',
            content: [{ type: 'text', text: '42' }, IMAGE, { type: 'tool_reference', tool_name: 'f' }],
            is_error: true,
            ...plainMark,
          },
          { type: 'tool_result', tool_use_id: 'c2', content: 'fine' },
          { type: 'text', text: 'go on' },
        ],
      },
      { role: 'system', content: 'Mind the step.' },
    ],
    tools: [
      {
        type: 'custom',
        name: 'f',
        description: 'd',
        input_schema: SCHEMA,
        strict: true,
        defer_loading: true,
        eager_input_streaming: true,
        input_examples: [{ x: 1 }],
        allowed_callers: ['direct'],
        ...plainMark,
      },
    ],
    tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true },
    output_config: { effort: 'high', format: { type: 'json_schema', schema: SCHEMA } },
    stop_sequences: ['END', 'STOP'],
    temperature: 0.5,
    top_k: 5,
    metadata: { user_id: 'who', odd: 'x' },
    service_tier: 'standard_only',
  },
  {
    max_tokens: 4000,
    messages: [
      { role: 'user', content: 'q' },
      {
        role: 'assistant',
        content: [
          { type: 'server_tool_use', id: 's1', name: 'web_search', input: { query: 'x' } },
          {
            type: 'web_search_tool_result',
            tool_use_id: 's1',
            content: [{ type: 'web_search_result', url: 'https://example.com', title: 't', encrypted_content: 'e' }],
          },
          { type: 'text', text: 'a' },
        ],
      },
      { role: 'user', content: 'and?' },
    ],
    tools: [
      { name: 'f', input_schema: SCHEMA },
      {
        type: 'web_search_20250305',
        name: 'web_search',
        max_uses: 2,
        allowed_domains: ['example.com'],
        user_location: { type: 'approximate', city: 'Paris', country: 'FR', region: 'IDF', timezone: 'CET' },
        ...plainMark,
      },
      { type: 'bash_20250124', name: 'bash' },
    ],
    thinking: { type: 'enabled', budget_tokens: 2000, display: 'summarized' },
  },
  {
    max_tokens: 4000,
    messages: [{ role: 'user', content: 'q' }],
    thinking: { type: 'enabled', budget_tokens: 1500, display: 'omitted' },
  },
  {
    max_tokens: 4000,
    messages: [{ role: 'user', content: 'q' }],
    thinking: { type: 'adaptive', display: 'omitted' },
    output_config: { effort: 'max' },
  },
  {
    max_tokens: 4000,
    messages: [{ role: 'user', content: 'q' }],
    thinking: { type: 'adaptive', display: 'summarized' },
  },
  {
    max_tokens: 4000,
    messages: [{ role: 'user', content: 'q' }],
    thinking: { type: 'disabled' },
    output_config: { effort: 'low' },
  },
  {
    max_tokens: 4000,
    messages: [{ role: 'user', content: 'q' }],
    output_format: { type: 'json_schema', schema: SCHEMA },
  },
]
