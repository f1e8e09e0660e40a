// A conversation with everything that a history may hold, in each dialect.
import type { Dialect, Json } from '../cross-dialect.ts'
import { SCHEMA } from './field.ts'

/** Fields whose values are the user's own data: anything may stand in them, and below them. */
export const USERS_OWN =
  /^(?:input_examples|container|metadata|labels|schema|response_?[sS]chema|response_?[jJ]son_?[sS]chema|parameters|parameters_?[jJ]son_?[sS]chema|input_schema|args|response)$/

const PNG = 'data:image/png;base64,AAAA'

export const CONVERSATIONS: Readonly<Record<Dialect, Json>> = {
  'openai-chat': {
    messages: [
      { role: 'system', content: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'q' },
          { type: 'image_url', image_url: { url: PNG, detail: 'high' } },
          { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA', filename: 'a.pdf' } },
        ],
      },
      {
        role: 'assistant',
        content: 'a',
        reasoning_content: 'hm',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: '42' },
    ],
    tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: SCHEMA, strict: true } }],
    tool_choice: { type: 'function', function: { name: 'f' } },
    stop: ['END'],
    logit_bias: { 5: 1 },
  },
  'openai-responses': {
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'q' },
          { type: 'input_image', image_url: PNG, detail: 'high' },
          { type: 'input_file', file_data: 'data:application/pdf;base64,AAAA', filename: 'a.pdf' },
        ],
      },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'a' }] },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"x":1}' },
      { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: '42' }] },
    ],
    tools: [
      { type: 'function', name: 'f', description: 'd', parameters: SCHEMA, strict: true },
      { type: 'namespace', name: 'n', description: 'd', tools: [{ type: 'function', name: 'g', parameters: SCHEMA }] },
    ],
    tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] },
    text: { format: { type: 'json_schema', name: 'n', schema: SCHEMA, strict: true } },
  },
  'anthropic-messages': {
    max_tokens: 4000,
    system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'q' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'words' }, title: 'a.txt' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'a' },
          { type: 'tool_use', id: 'c1', name: 'f', input: { x: 1 } },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: '42' }], is_error: true }],
      },
    ],
    tools: [{ name: 'f', description: 'd', input_schema: SCHEMA, strict: true }],
    tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true },
  },
  gemini: {
    systemInstruction: { parts: [{ text: 'Be brief.' }] },
    contents: [
      { role: 'user', parts: [{ text: 'q' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }] },
      { role: 'model', parts: [{ text: 'a' }, { functionCall: { id: 'c1', name: 'f', args: { x: 1 } } }] },
      { role: 'user', parts: [{ functionResponse: { id: 'c1', name: 'f', response: { output: '42' } } }] },
    ],
    tools: [{ functionDeclarations: [{ name: 'f', description: 'd', parametersJsonSchema: SCHEMA }] }],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
    generationConfig: { thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true } },
  },
}
