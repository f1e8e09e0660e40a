// Bodies of very many small parts are translated in time that grows with their length alone: where each part searched
// through all others, these took ten seconds and more, in which nobody else was served.
import { describe, expect, test } from 'vitest'
import { DIALECTS, decodeRequest, encodeRequest, type Dialect, type Json } from '../support/cross-dialect.ts'

const MANY = 40_000
const NUMBERS = Array.from({ length: MANY }, (_, number) => number)
/** Far more than it takes, and far less than it took. */
const PATIENCE_MS = 8_000

const parameters = { type: 'object', properties: {} }
const chatCalls = NUMBERS.map((at) => ({
  id: `c${at}`,
  type: 'function',
  function: { name: `f${at}`, arguments: '{}' },
}))
const backwards = NUMBERS.toReversed()
const user = { role: 'user', content: 'x' }
const chatTools = NUMBERS.map((at) => ({ type: 'function', function: { name: `f${at}`, parameters } }))
const flatTools = NUMBERS.map((at) => ({ type: 'function', name: `f${at}`, parameters }))
const vendorTools = NUMBERS.map((at) => ({ type: `vendor_${at}` }))
const allowed = (mode: string): Json => ({ type: 'allowed_tools', mode, tools: flatTools.toReversed() })

/** Bodies of clients, by what there are many of. */
const BODIES: readonly (readonly [what: string, from: Dialect, body: Json])[] = [
  [
    'calls that are answered backwards',
    'openai-chat',
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: null, tool_calls: chatCalls },
        ...backwards.map((at) => ({ role: 'tool', tool_call_id: `c${at}`, content: 'y' })),
        { role: 'user', content: 'z' },
      ],
    },
  ],
  [
    'calls without results',
    'openai-chat',
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: null, tool_calls: chatCalls },
        { role: 'user', content: 'z' },
      ],
    },
  ],
  ['messages of the user', 'openai-chat', { messages: NUMBERS.map((at) => ({ role: 'user', content: String(at) })) }],
  [
    'tools',
    'openai-chat',
    {
      messages: [user],
      tools: chatTools,
    },
  ],
  ...['auto', 'required'].map(
    (mode) =>
      [
        `tools that may be called (${mode})`,
        'openai-chat',
        {
          messages: [user],
          tools: chatTools,
          tool_choice: { type: 'allowed_tools', allowed_tools: { mode, tools: chatTools.toReversed() } },
        },
      ] as const,
  ),
  [
    'freeform tools that may be called',
    'openai-responses',
    {
      input: [user],
      tools: NUMBERS.map((at) => ({ type: 'custom', name: `f${at}` })),
      tool_choice: allowed('required'),
    },
  ],
  [
    'tools of providers beside functions',
    'openai-responses',
    {
      input: [user],
      tools: [...flatTools, ...vendorTools],
      tool_choice: { type: 'function', name: `f${MANY - 1}` },
    },
  ],
  [
    'tools of providers that may be called',
    'openai-responses',
    {
      input: [user],
      tools: [...flatTools, ...vendorTools],
      tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [...vendorTools.toReversed(), ...flatTools] },
    },
  ],
  [
    'searches',
    'openai-responses',
    { input: [user], tools: [...flatTools, ...NUMBERS.map(() => ({ type: 'web_search' }))] },
  ],
  [
    'tools of Anthropic’s beside functions',
    'anthropic-messages',
    {
      max_tokens: 9,
      messages: [user],
      tools: [
        ...NUMBERS.map((at) => ({ name: `f${at}`, input_schema: parameters })),
        ...NUMBERS.map((at) => ({ type: `bash_${at}`, name: `b${at}` })),
      ],
      tool_choice: { type: 'tool', name: `f${MANY - 1}` },
    },
  ],
  [
    'tools that may be called',
    'gemini',
    {
      contents: [{ role: 'user', parts: [{ text: 'x' }] }],
      tools: [{ functionDeclarations: NUMBERS.map((at) => ({ name: `f${at}`, parameters })) }],
      toolConfig: {
        functionCallingConfig: { mode: 'ANY', allowedFunctionNames: backwards.map((at) => `f${at}`) },
      },
    },
  ],
  [
    'calls as items',
    'openai-chat',
    {
      input: [
        user,
        ...['a', 'b'].flatMap((half) =>
          NUMBERS.map((at) => ({ type: 'function_call', call_id: `${half}${at}`, name: `f${at}`, arguments: '{}' })),
        ),
      ],
    },
  ],
  [
    'places where tools are declared',
    'openai-responses',
    {
      tools: [{ type: 'tool_search' }],
      input: [
        user,
        ...flatTools.flatMap((tool) => [{ type: 'additional_tools', role: 'developer', tools: [tool] }, user]),
      ],
    },
  ],
  [
    'references in a schema',
    'openai-chat',
    {
      messages: [user],
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            parameters: {
              type: 'object',
              $defs: { a: { type: 'string' } },
              properties: Object.fromEntries(NUMBERS.map((at) => [`p${at}`, { $ref: '#/$defs/a' }])),
            },
          },
        },
      ],
    },
  ],
  [
    'calls and results of Anthropic’s, backwards',
    'anthropic-messages',
    {
      max_tokens: 9,
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: NUMBERS.map((at) => ({ type: 'tool_use', id: `c${at}`, name: 'f', input: {} })) },
        {
          role: 'user',
          content: backwards.map((at) => ({ type: 'tool_result', tool_use_id: `c${at}`, content: 'y' })),
        },
      ],
    },
  ],
  [
    'calls and results of Gemini’s, backwards',
    'gemini',
    {
      contents: [
        { role: 'user', parts: [{ text: 'x' }] },
        { role: 'model', parts: NUMBERS.map((at) => ({ functionCall: { name: `f${at}`, args: {} } })) },
        { role: 'user', parts: backwards.map((at) => ({ functionResponse: { name: `f${at}`, response: {} } })) },
      ],
    },
  ],
  [
    'tools that were found',
    'openai-responses',
    {
      tools: [{ type: 'tool_search' }],
      input: [
        { role: 'user', content: 'x' },
        {
          type: 'tool_search_output',
          call_id: 't',
          execution: 'client',
          tools: NUMBERS.map((at) => ({ type: 'function', name: `f${at}`, parameters })),
        },
      ],
    },
  ],
]

describe.each(BODIES)(`${MANY} %s, of %s`, (_what, from, body) => {
  test.each(DIALECTS)('cross to %s', { timeout: PATIENCE_MS }, (to) => {
    const { body: sent } = encodeRequest(to, decodeRequest(from, { model: 'm', ...body }))
    expect(JSON.stringify(sent)).toContain(String(MANY - 1))
  })
})
