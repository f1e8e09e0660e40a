// Rules of the crossing that hold for every pair of dialects: a choice among no tools is the caller's mistake, every call
// gets its result, and files of text arrive as text where there is no place for them.
import { describe, expect, test } from 'vitest'
import { CannotCross, createLossReport } from '../../server/protocols/codec.ts'
import { decodeRequest, type Dialect, encodeRequest, type Json, PAIRS } from '../support/cross-dialect.ts'
import { PLAIN_REQUESTS } from '../support/request-fields.ts'

function cross(from: Dialect, to: Dialect, body: Json): { body: string; losses: string[] } | CannotCross {
  const losses = createLossReport()
  try {
    const encoded = encodeRequest(to, decodeRequest(from, { ...PLAIN_REQUESTS[from], ...body }, losses), losses)
    return { body: JSON.stringify(encoded.body), losses: losses.losses.map(({ action, path }) => `${action} ${path}`) }
  } catch (error) {
    if (error instanceof CannotCross) return error
    throw error
  }
}

const PARAMETERS = { type: 'object', properties: {} }
const mode = (functionCallingConfig: Json): Json => ({ toolConfig: { functionCallingConfig } })
const allowed = (kind: string): Json => ({
  type: 'allowed_tools',
  mode: kind,
  tools: [{ type: 'function', name: 'g' }],
})

/** Forced without tools; allowed, and forced, among none of those there are. */
const EMPTY_CHOICES: Readonly<Record<Dialect, readonly Json[]>> = {
  'openai-chat': [
    { tool_choice: 'required' },
    { tool_choice: { type: 'function', function: { name: 'f' } } },
    ...['auto', 'required'].map((kind) => ({
      tools: [{ type: 'function', function: { name: 'f', parameters: PARAMETERS } }],
      tool_choice: allowed(kind),
    })),
  ],
  'openai-responses': [
    { tool_choice: 'required' },
    { tools: [{ type: 'function', name: 'f' }], tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [] } },
    ...['auto', 'required'].map((kind) => ({
      tools: [{ type: 'function', name: 'f', parameters: PARAMETERS }],
      tool_choice: allowed(kind),
    })),
  ],
  'anthropic-messages': [{ tool_choice: { type: 'any' } }, { tool_choice: { type: 'tool', name: 'f' } }],
  gemini: [
    mode({ mode: 'ANY' }),
    mode({ mode: 'ANY', allowedFunctionNames: ['f'] }),
    { tools: [{ functionDeclarations: [{ name: 'f' }] }], ...mode({ mode: 'ANY', allowedFunctionNames: ['g', 'h'] }) },
    { tools: [{ functionDeclarations: [{ name: 'f' }] }], ...mode({ mode: 'VALIDATED', allowedFunctionNames: ['g'] }) },
  ],
}

/** Two calls, of which one has a result, and the user goes on. */
const UNANSWERED: Readonly<Record<Dialect, Json>> = {
  'openai-chat': {
    messages: [
      { role: 'user', content: 'q' },
      {
        role: 'assistant',
        tool_calls: ['c1', 'c2'].map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
      },
      { role: 'tool', tool_call_id: 'c2', content: 'two' },
      { role: 'user', content: 'go on' },
    ],
  },
  'openai-responses': {
    input: [
      { role: 'user', content: 'q' },
      ...['c1', 'c2'].map((call_id) => ({ type: 'function_call', call_id, name: 'f', arguments: '{}' })),
      { type: 'function_call_output', call_id: 'c2', output: 'two' },
      { role: 'user', content: 'go on' },
    ],
  },
  'anthropic-messages': {
    messages: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: ['c1', 'c2'].map((id) => ({ type: 'tool_use', id, name: 'f', input: {} })) },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c2', content: 'two' }] },
      { role: 'user', content: 'go on' },
    ],
  },
  gemini: {
    contents: [
      { role: 'user', parts: [{ text: 'q' }] },
      { role: 'model', parts: ['c1', 'c2'].map((id) => ({ functionCall: { id, name: 'f', args: {} } })) },
      { role: 'user', parts: [{ functionResponse: { id: 'c2', name: 'f', response: { output: 'two' } } }] },
      { role: 'user', parts: [{ text: 'go on' }] },
    ],
  },
}

const RESULT_OF: Readonly<Record<Dialect, RegExp>> = {
  'openai-chat': /"tool_call_id"/g,
  'openai-responses': /"function_call_output"/g,
  'anthropic-messages': /"tool_result"/g,
  gemini: /"functionResponse"/g,
}

describe.each(PAIRS)('from %s to %s', (from, to) => {
  test.each(EMPTY_CHOICES[from].map((body) => [body]))('a choice among no tools is refused: %j', (body) => {
    expect(cross(from, to, body)).toMatchObject({ path: 'tool_choice', code: 'bad_request' })
  })

  test('a call without a result gets one, and that is told', () => {
    const crossed = cross(from, to, UNANSWERED[from])
    if (crossed instanceof CannotCross) throw crossed
    expect(crossed.losses).toEqual(['approximated tool_result'])
    expect(crossed.body.match(RESULT_OF[to])).toHaveLength(2)
  })
})

test('a text document of Anthropic’s is text for Gemini, also inside a result', () => {
  const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'its words' } }
  const crossed = cross('anthropic-messages', 'gemini', {
    messages: [
      { role: 'user', content: [{ ...document, title: 'a.txt' }] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: [document] }] },
    ],
  })
  if (crossed instanceof CannotCross) throw crossed
  const { contents } = JSON.parse(crossed.body) as { contents: { parts: Json[] }[] }
  expect(contents[0]!.parts).toEqual([{ text: 'a.txt\n\nits words' }])
  expect(contents[2]!.parts[0]).toMatchObject({ functionResponse: { response: { output: 'its words' } } })
  expect([crossed.losses, crossed.body.includes('inlineData')]).toEqual([[], false])
})
