// Known fields of a wrong type or of a value that cannot be are refused in every dialect, by their path, before
// anything is read of them; what the message says of them is never their value.
import { expect, test } from 'vitest'
import { CannotCross, createLossReport, type Codec } from './codec.ts'
import { CODECS } from './codecs.ts'
import { parseJson } from './read.ts'
import { decodeRequest as decodeUnirouteChat } from './uniroute-chat/request-decode.ts'

type Json = Record<string, unknown>

const decoders: Readonly<Record<string, Codec['decodeRequest']>> = {
  ...Object.fromEntries(Object.entries(CODECS).map(([id, codec]) => [id, codec.decodeRequest])),
  'uniroute-chat': decodeUnirouteChat,
}

const PLAIN: Readonly<Record<string, Json>> = {
  'openai-chat': { messages: [{ role: 'user', content: 'q' }] },
  'openai-responses': { input: 'q' },
  'anthropic-messages': { max_tokens: 9, messages: [{ role: 'user', content: 'q' }] },
  gemini: { contents: 'q' },
  'uniroute-chat': { messages: [{ role: 'user', content: 'q' }] },
}

function read(dialect: string, body: Json): unknown {
  try {
    return decoders[dialect]!(
      { ...PLAIN[dialect], ...body },
      { model: 'm', stream: false, openEnvelope: () => null, losses: createLossReport() },
    )
  } catch (error) {
    return error
  }
}

const fn = (inner: unknown): Json => ({ tools: [{ type: 'function', function: inner }] })
const user = (content: unknown): Json => ({ messages: [{ role: 'user', content }] })
const config = (generationConfig: Json): Json => ({ generationConfig })

const REFUSED: readonly (readonly [dialect: string, body: Json, path: string])[] = [
  ['openai-chat', { max_tokens: '9' }, 'max_tokens'],
  ['openai-chat', { max_tokens: -5 }, 'max_tokens'],
  ['openai-chat', { max_completion_tokens: 1.5 }, 'max_completion_tokens'],
  ['openai-chat', { stop: 5 }, 'stop'],
  ['openai-chat', { stop: ['a', 5] }, 'stop[1]'],
  ['openai-chat', { tools: 'x' }, 'tools'],
  ['openai-chat', { tools: [5] }, 'tools[0]'],
  ['openai-chat', fn({}), 'tools[0].function.name'],
  ['openai-chat', fn({ name: 'f', parameters: 'x' }), 'tools[0].function.parameters'],
  ['openai-chat', fn({ name: 'f', strict: 'yes' }), 'tools[0].function.strict'],
  ['openai-chat', { tool_choice: 'wild' }, 'tool_choice'],
  ['openai-chat', { tool_choice: { type: 'odd' } }, 'tool_choice'],
  ['openai-chat', { response_format: 'json' }, 'response_format'],
  ['openai-chat', { n: '2' }, 'n'],
  ['openai-chat', { temperature: 'hot' }, 'temperature'],
  ['openai-chat', { temperature: 9 }, 'temperature'],
  ['openai-chat', { reasoning_effort: 5 }, 'reasoning_effort'],
  ['openai-chat', { logit_bias: { 5: 'x' } }, 'logit_bias.5'],
  ['openai-chat', { messages: [{ role: 'odd', content: 'q' }] }, 'messages[0].role'],
  ['openai-chat', { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
  ['openai-chat', user([{ type: 5 }]), 'messages[0].content[0].type'],
  ['openai-chat', user([{ type: 'text', text: 5 }]), 'messages[0].content[0].text'],
  ['openai-chat', user([{ type: 'image_url', image_url: {} }]), 'messages[0].content[0].image_url.url'],
  ['openai-responses', { instructions: 5 }, 'instructions'],
  ['openai-responses', { text: 'x' }, 'text'],
  ['openai-responses', { text: { format: 'json' } }, 'text.format'],
  ['openai-responses', { reasoning: 'x' }, 'reasoning'],
  ['openai-responses', { tools: [{ type: 'function', name: 'f', parameters: 5 }] }, 'tools[0].parameters'],
  ['openai-responses', { input: [{ type: 'function_call_output', output: 'x' }] }, 'input[0].call_id'],
  ['openai-responses', { input: [{ role: 'user', content: [{ type: 'input_text' }] }] }, 'input[0].content[0].text'],
  ['anthropic-messages', { system: 5 }, 'system'],
  ['anthropic-messages', { system: [{ type: 'text', text: 5 }] }, 'system[0].text'],
  ['anthropic-messages', { stop_sequences: 'x' }, 'stop_sequences'],
  ['anthropic-messages', { max_tokens: '9' }, 'max_tokens'],
  ['anthropic-messages', { temperature: 1.5 }, 'temperature'],
  ['anthropic-messages', { thinking: { type: 'enabled', budget_tokens: 'x' } }, 'thinking.budget_tokens'],
  ['anthropic-messages', { tool_choice: 'any' }, 'tool_choice'],
  ['anthropic-messages', { tool_choice: { type: 'tool' } }, 'tool_choice.name'],
  ['anthropic-messages', { tools: [{ name: 'f', input_schema: [] }] }, 'tools[0].input_schema'],
  ['gemini', { toolConfig: { functionCallingConfig: { mode: 'ODD' } } }, 'toolConfig.functionCallingConfig.mode'],
  ['gemini', config({ thinkingConfig: { thinkingLevel: 'ODD' } }), 'generationConfig.thinkingConfig.thinkingLevel'],
  ['gemini', config({ stopSequences: 'x' }), 'generationConfig.stopSequences'],
  ['gemini', { generation_config: { max_output_tokens: 'many' } }, 'generation_config.max_output_tokens'],
  ['gemini', { contents: [{ role: 'odd', parts: [{ text: 'q' }] }] }, 'contents[0].role'],
  ['gemini', { contents: [{ parts: [{ text: 5 }] }] }, 'contents[0].parts[0].text'],
  ['uniroute-chat', { temperature: 'hot' }, 'temperature'],
  ['uniroute-chat', { max_tokens: '9' }, 'max_tokens'],
  ['uniroute-chat', { web_search: 'yes' }, 'web_search'],
  ['uniroute-chat', { messages: [{ role: 'user' }] }, 'messages[0].content'],
]

test.each(REFUSED)('%s refuses %j by the path %s', (dialect, body, path) => {
  expect(read(dialect, body)).toMatchObject({ code: 'bad_request', path })
})

test('null says that a field is left out', () => {
  for (const [dialect, body] of REFUSED) {
    const field = Object.keys(body).find((name) => !Object.hasOwn(PLAIN[dialect]!, name))
    if (field !== undefined) expect(read(dialect, { [field]: null }), field).not.toBeInstanceOf(CannotCross)
  }
})

test('a refusal says nothing of the value, and stays short', () => {
  const secret = 'sk-live-0123456789'
  for (const [dialect, body] of [
    ['openai-chat', { max_tokens: secret }],
    ['openai-chat', { tool_choice: secret }],
    ['openai-chat', { logit_bias: { ['x'.repeat(9000)]: secret } }],
    ['gemini', config({ thinkingConfig: { thinkingLevel: secret } })],
  ] as const) {
    const refused = read(dialect, body) as CannotCross
    expect(refused).toBeInstanceOf(CannotCross)
    expect(refused.message).not.toContain(secret)
    expect(refused.message.length).toBeLessThan(400)
  }
})

test('whole numbers of any length come out of JSON as they stood there', () => {
  for (const number of ['9007199254740993', '-123456789012345678901234567890', '18446744073709551615', '1e999']) {
    for (const text of [`{"x":${number}}`, `[${number},{"y":[${number}]}]`, number]) {
      expect(JSON.stringify(parseJson(text))).toBe(text)
    }
  }
  expect(parseJson('{"a":12345678901234.5,"b":9007199254740991,"c":0.30000000000000004}')).toEqual({
    a: 12345678901234.5,
    b: 9007199254740991,
    c: 0.30000000000000004,
  })
})
