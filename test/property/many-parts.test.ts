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
      messages: [{ role: 'user', content: 'x' }],
      tools: NUMBERS.map((at) => ({ type: 'function', function: { name: `f${at}`, parameters } })),
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
