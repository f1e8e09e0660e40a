// Reasoning state that UniRoute sealed never reaches a provider, also where a body is passed through or a whole request
// stands inside another one: it is taken out where such state stands, and refused anywhere else.
import { expect, test } from 'vitest'
import { useRegressionGateway } from '../support/regression-gateway.ts'
import { completion, jsonAnswer } from '../support/scripted-answers.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'

const gateway = useRegressionGateway()

const ENVELOPE = `urs1.${'aB3_'.repeat(20)}`
const IN_BYTES = Buffer.from(ENVELOPE).toString('base64')

const hello = { role: 'user', content: 'hello' }
const messages = [
  hello,
  {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: '', signature: ENVELOPE },
      { type: 'text', text: 'Said.' },
    ],
  },
  hello,
]
const contents = [
  { role: 'user', parts: [{ text: 'hello' }] },
  {
    role: 'model',
    parts: [
      { functionCall: { name: 'f', args: {} }, thoughtSignature: IN_BYTES },
      { text: '', thoughtSignature: IN_BYTES },
    ],
  },
  { role: 'user', parts: [{ functionResponse: { name: 'f', response: { output: 'Said.' } } }] },
]
const items = [
  { role: 'user', content: 'hello' },
  { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: ENVELOPE },
  { role: 'assistant', content: 'Said.' },
]
const GEMINI = '/v1beta/models/gemini-3.5-flash'

const post = (path: string, body: Json): Promise<Reply> =>
  gateway.app.call('POST', path, { token: gateway.caller.apiKey, headers: { 'anthropic-version': '2023-06-01' }, body })
const sentText = (): string => gateway.sent().at(-1)!.rawBody.toString()

test.each<[string, string, Json]>([
  [
    'Gemini’s count of a whole request',
    `${GEMINI}:countTokens`,
    { generateContentRequest: { model: 'models/gemini-3.5-flash', contents } },
  ],
  ['the same in snake case', `${GEMINI}:countTokens`, { generate_content_request: { contents } }],
  [
    'Gemini’s batches',
    `${GEMINI}:batchGenerateContent`,
    { batch: { input_config: { requests: { requests: [{ request: { contents } }, { request: { contents } }] } } } },
  ],
  [
    'Gemini’s batches in camel case',
    `${GEMINI}:batchGenerateContent`,
    { batch: { inputConfig: { requests: { requests: [{ request: { contents } }] } } } },
  ],
  ['Gemini’s caches', '/v1beta/cachedContents', { model: 'models/gemini-3.5-flash', contents }],
  [
    'Anthropic’s batches',
    '/v1/messages/batches',
    { requests: [{ custom_id: 'a', params: { model: 'claude-sonnet-5', max_tokens: 9, messages } }] },
  ],
  ['Responses to be compacted', '/v1/responses/compact', { model: 'gpt-5', input: items }],
  ['conversations that are kept', '/v1/conversations', { items }],
])('%s: it is taken out, and what was said stays', async (_what, path, body) => {
  gateway.answerWith(jsonAnswer({}))
  const reply = await post(path, body)
  expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, 'dropped=reasoning_state'])
  expect(sentText()).not.toMatch(/urs1\.|dXJzMS/)
  expect(sentText()).toContain('Said.')
  expect(() => JSON.parse(sentText()) as unknown).not.toThrow()
})

test.each<[string, string, Json]>([
  ['OpenAI', '/v1/moderations', { model: 'omni-moderation-latest', input: ENVELOPE }],
  ['Gemini', '/v1beta/interactions', { model: 'gemini-3.5-flash', input: [{ type: 'thought', signature: IN_BYTES }] }],
  ['Anthropic', '/v1/messages/batches', { requests: [], odd: ENVELOPE }],
])('anywhere else in a body for %s it is a 400, and nothing is sent', async (_vendor, path, body) => {
  const reply = await post(path, body)
  expect([reply.status, reply.body.error.message]).toEqual([400, expect.stringContaining('urs1.')])
  expect(reply.text).not.toContain(ENVELOPE.slice(5))
  expect(gateway.sent()).toEqual([])
})

const asked = (more: Json): Json => ({ messages: [hello, { role: 'assistant', content: 'Said.', ...more }, hello] })
const signed = { type: 'thinking', thinking: 'hm', signature: ENVELOPE }

test.each<[string, string, Json]>([
  [
    'a signature of details',
    '/v1/chat/completions',
    asked({ reasoning_details: [{ ...signed, type: 'reasoning.text' }] }),
  ],
  ['thinking blocks', '/v1/chat/completions', asked({ thinking_blocks: [signed] })],
  ['thinking parts', '/v1/chat/completions', asked({ content: [signed, { type: 'text', text: 'Said.' }] })],
  [
    'a conversation made short',
    '/v1/responses',
    {
      model: 'gpt-5',
      input: [
        { type: 'compaction', encrypted_content: ENVELOPE },
        { role: 'user', content: 'Said.' },
      ],
    },
  ],
  [
    'Gemini’s slot, as text instead of bytes',
    `${GEMINI}:generateContent`,
    { contents: [...contents, { role: 'model', parts: [{ text: 'Said.', thoughtSignature: ENVELOPE }] }, contents[0]] },
  ],
])('%s of a relayed request: it is taken out', async (_what, path, body) => {
  gateway.answerWith(jsonAnswer({ choices: [], output: [], candidates: [] }))
  const reply = await post(path, { ...(path.includes('chat') && { model: 'openrouter-like/some-model' }), ...body })
  expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, 'dropped=reasoning_state'])
  expect(sentText()).not.toMatch(/urs1\.|dXJzMS/)
  expect(sentText()).toContain('Said.')
})

test('it is taken out of a field that only the provider’s dialect knows, where the request is translated to the same', async () => {
  const body = asked({ thinking_blocks: [signed] })
  // Cursor's shape of a tool, so that the body is written anew.
  const tools = [{ name: 'f', input_schema: { type: 'object', properties: {} } }]
  gateway.answerWith(jsonAnswer(completion({ content: 'x' }, 'stop')))
  const reply = await post('/v1/chat/completions', { model: 'openrouter-like/some-model', tools, ...body })
  expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, 'dropped=reasoning_state'])
  expect(sentText()).not.toMatch(/urs1\./)
  expect(sentText()).toContain('Said.')
})

test.each<[string, Json]>([
  ['relayed', { model: 'openrouter-like/some-model', messages: [hello], odd: { signature: ENVELOPE } }],
  ['translated', { model: 'claude-sonnet-5', messages: [{ role: 'user', content: ENVELOPE }] }],
])('anywhere else in a request that is %s it is a 400, and nothing is sent', async (_how, body) => {
  const reply = await post('/v1/chat/completions', body)
  expect([reply.status, reply.body.error.message]).toEqual([400, expect.stringContaining('urs1.')])
  expect(gateway.sent()).toEqual([])
})

test('a text that merely speaks of it passes as it is', async () => {
  const body = { model: 'omni-moderation-latest', input: 'urs1. is how it begins, as in "urs1.short"' }
  gateway.answerWith(jsonAnswer({}))
  expect((await post('/v1/moderations', body)).status).toBe(200)
  expect(sentText()).toBe(JSON.stringify(body))
})
