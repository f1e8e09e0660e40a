// What a request has that no table of its dialect knows is told as lost, by where it stands; what a codec carries
// itself, or whole, is not told here. `test/property/no-silent-drop.test.ts` says so of every member of any request.
import { expect, test } from 'vitest'
import { CannotCross, createLossReport } from './codec.ts'
import { CODECS } from './codecs.ts'
import type { ProtocolId } from './protocol.ts'
import { profileFor } from '../../test/support/cross-dialect.ts'
import { hash8, lossNames, openEnvelope } from './testing.ts'

type Json = Record<string, unknown>

const PNG = 'data:image/png;base64,AAAA'
const user = (content: unknown): Json => ({ messages: [{ role: 'user', content }] })
const chatTool = (inner: Json, around: Json = {}): Json => ({
  ...user('q'),
  tools: [{ type: 'function', function: { name: 'f', ...inner }, ...around }],
})
const blocks = (...content: Json[]): Json => ({ max_tokens: 9, ...user(content) })
const parts = (...list: Json[]): Json => ({ contents: [{ role: 'user', parts: list }] })
const items = (...input: Json[]): Json => ({ input: [{ role: 'user', content: 'q' }, ...input] })

/** The losses of a crossing, with all that is said of them; or the refusal. */
function cross(from: ProtocolId, to: 'openai-responses' | 'anthropic-messages', body: Json) {
  const losses = createLossReport()
  const request = CODECS[from].decodeRequest(body, { model: 'm', stream: false, openEnvelope, losses })
  CODECS[to].encodeRequest(request, {
    profile: profileFor(to),
    provider: 'p',
    account: 'a',
    stream: false,
    hash8,
    losses,
  })
  return { names: lossNames(losses), why: losses.losses.map(({ why }) => why).join('; ') }
}

const CASES: readonly (readonly [from: ProtocolId, body: Json, name: string, member: string])[] = [
  ['openai-chat', user([{ type: 'text', text: 'q', oddly: 1 }]), 'message_fields', 'oddly'],
  ['openai-chat', user([{ type: 'image_url', image_url: { url: PNG, oddly: 1 } }]), 'message_fields', 'oddly'],
  ['openai-chat', chatTool({ oddly: 1 }), 'tool_fields', 'oddly'],
  ['openai-chat', chatTool({}, { oddly: false }), 'tool_fields', 'oddly'],
  ['openai-chat', { ...user('q'), clear_thinking: false }, 'other_fields', 'clear_thinking'],
  ['openai-chat', { ...user('q'), thinking: { type: 'enabled', oddly: 1 } }, 'thinking', 'oddly'],
  ['openai-chat', { ...user('q'), response_format: { type: 'text', oddly: 1 } }, 'other_fields', 'oddly'],
  [
    'openai-chat',
    { ...chatTool({}), tool_choice: { type: 'function', function: { name: 'f' }, oddly: 1 } },
    'tool_config',
    'oddly',
  ],
  [
    'openai-chat',
    {
      messages: [
        { role: 'user', content: 'q' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' }, provider_specific_fields: { a: 1 } },
          ],
        },
      ],
    },
    'message_fields',
    'provider_specific_fields',
  ],
  [
    'openai-responses',
    items({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'a', oddly: 1 }] }),
    'message_fields',
    'oddly',
  ],
  ['openai-responses', { ...items(), text: { format: { type: 'text', oddly: 1 } } }, 'other_fields', 'oddly'],
  [
    'anthropic-messages',
    { max_tokens: 9, messages: [{ role: 'user', content: 'q', cache_control: { type: 'ephemeral' } }] },
    'cache_control',
    'cache_control',
  ],
  [
    'anthropic-messages',
    blocks({ type: 'text', text: 'q', cache_control: { type: 'ephemeral', scope: 'global' } }),
    'message_fields',
    'scope',
  ],
  [
    'gemini',
    { ...parts({ text: 'q' }), systemInstruction: { parts: [{ text: 's' }], oddly: 1 } },
    'message_fields',
    'oddly',
  ],
  ['gemini', parts({ inlineData: { mimeType: 'image/png', data: 'AAAA', oddly: 1 } }), 'message_fields', 'oddly'],
  ['gemini', parts({ inlineData: { mimeType: 'image/png', data: 'AAAA', displayName: 'a.png' } }), 'filename', 'names'],
  ['uniroute-chat', user([{ type: 'text', text: 'q', oddly: 1 }]), 'message_fields', 'oddly'],
]

test.each(CASES)('%s: %j loses %s', (from, body, name, member) => {
  const to = from === 'anthropic-messages' ? 'openai-responses' : 'anthropic-messages'
  const { names, why } = cross(from, to, body)
  expect(names).toContain(`dropped=${name}`)
  expect(why).toContain(member)
})

test('what is empty says nothing, and what is told is short, printable and not all of many', () => {
  const { names } = cross(
    'openai-chat',
    'anthropic-messages',
    user([{ type: 'text', text: 'q', a: [], b: {}, c: null }]),
  )
  expect(names).toEqual([])
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`${'é\r\n'.repeat(99)}${at}`, at]))
  const { why } = cross('openai-chat', 'anthropic-messages', user([{ type: 'text', text: 'q', ...many }]))
  expect(why.length).toBeLessThan(500)
  expect(why).toMatch(/^[\x20-\x7e…]+$/)
})

const REFUSED: readonly (readonly [from: ProtocolId, body: Json, code: string])[] = [
  [
    'openai-chat',
    {
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: null, audio: { id: 'audio_1' } },
      ],
    },
    'unsupported_parameter',
  ],
  [
    'gemini',
    {
      ...parts({ text: 'q' }),
      generationConfig: { responseMimeType: 'text/plain', responseSchema: { type: 'STRING' } },
    },
    'bad_request',
  ],
  [
    'gemini',
    { ...parts({ text: 'q' }), generationConfig: { thinkingConfig: { thinkingLevel: 'LOW', thinkingBudget: 500 } } },
    'bad_request',
  ],
]

test.each(REFUSED)('%s: %j is refused', (from, body, code) => {
  expect(() => cross(from, 'anthropic-messages', body)).toThrow(CannotCross)
  expect(() => cross(from, 'anthropic-messages', body)).toThrow(expect.objectContaining({ code }))
})

test('a budget below the least is told as the nearest; a schema beside `json_object` is kept', () => {
  const thinking = { type: 'enabled', budget_tokens: 500 }
  expect(cross('openai-chat', 'anthropic-messages', { ...user('q'), thinking }).names).toContain(
    'approx=thinking_budget',
  )
  const schema = { type: 'object', properties: { kept: { type: 'string' } } }
  const request = CODECS['openai-chat'].decodeRequest(
    { ...user('q'), response_format: { type: 'json_object', schema } },
    { model: 'm', stream: false, openEnvelope, losses: createLossReport() },
  )
  expect(request.format).toEqual({ kind: 'json_schema', schema })
})
