// Settings that one dialect or model has and another refuses: forwarded, left out with a warning, or put into a form
// that is valid. The fake refuses what its vendor would.
import { expect, test } from 'vitest'
import { useRegressionGateway, type Client } from '../../support/regression-gateway.ts'
import { jsonAnswer, message } from '../../support/scripted-answers.ts'
import type { Json } from '../../support/uniroute-client.ts'
import { chatTools, messagesTools } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const messages = [{ role: 'user', content: 'What is it like in Paris?' }]
const warm = jsonAnswer(message([{ type: 'text', text: 'Warm.' }], 'end_turn'))
const context_management = { edits: [{ type: 'clear_tool_uses_20250919' }] }
const BETAS = 'context-management-2025-06-27,interleaved-thinking-2025-05-14'

test('37. betas and context_management reach Anthropic unchanged (litellm#9016, claude-code#21612, new-api#2975)', async () => {
  const body = { model: 'claude-sonnet-5', max_tokens: 900, messages, context_management }
  gateway.answerWith(warm)
  await gateway.ask('messages', body, { headers: { 'anthropic-beta': BETAS } })
  const [sent] = gateway.sent()
  expect(sent!.headers).toContainEqual(['anthropic-beta', BETAS])
  expect(sent!.rawBody.toString()).toBe(JSON.stringify(body))
})

test.each([
  ['OpenAI', 'gpt-5'],
  ['Gemini', 'gemini-2.5-flash'],
])(
  '37. neither betas nor context_management reach %s (litellm#9016, claude-code#21612, new-api#2975)',
  async (_vendor, model) => {
    const body = { model, max_tokens: 900, messages, context_management }
    const reply = await gateway.ask('messages', body, { headers: { 'anthropic-beta': BETAS } })
    expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([
      200,
      expect.stringContaining('context_management'),
    ])
    const [{ headers, rawBody }] = gateway.sent() as [Json]
    expect(headers.map(([name]: [string]) => name)).not.toContain('anthropic-beta')
    expect(rawBody.toString()).not.toMatch(/context_management|clear_tool_uses/)
  },
)

const REASONING = { reasoning_effort: 'high', tools: chatTools }
const BODIES: [string, Client, string, Json, Json][] = [
  [
    'a forced choice beside thinking at Anthropic',
    'chat',
    'claude-sonnet-4-5',
    { ...REASONING, tool_choice: 'required' },
    { tool_choice: { type: 'any' } },
  ],
  [
    'no tools at all beside parallel off at Anthropic',
    'chat',
    'claude-sonnet-5',
    { tools: chatTools, tool_choice: 'none', parallel_tool_calls: false },
    { tool_choice: { type: 'none' } },
  ],
  [
    'parallel off alone at Anthropic',
    'chat',
    'claude-sonnet-5',
    { tools: chatTools, parallel_tool_calls: false },
    { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
  ],
  [
    'parallel off without tools at Anthropic',
    'chat',
    'claude-sonnet-5',
    { parallel_tool_calls: false },
    { tool_choice: undefined },
  ],
  [
    'a choice of none beside parallel off at OpenAI',
    'messages',
    'gpt-5',
    { max_tokens: 900, tools: messagesTools, tool_choice: { type: 'none' } },
    { tool_choice: 'none' },
  ],
  [
    'parallel off alone at OpenAI',
    'messages',
    'gpt-5',
    { max_tokens: 900, tools: messagesTools, tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    { parallel_tool_calls: false },
  ],
  [
    'a forced choice beside thinking at DeepSeek',
    'chat',
    'deepseek-like/deepseek-v4',
    { ...REASONING, tool_choice: 'required' },
    {},
  ],
]
test.each(BODIES)(
  '38. %s is a valid body (mastra#7507, new-api#2763, any-llm#1292)',
  async (_what, client, model, settings, expected) => {
    const reply = await gateway.ask(client, { model, messages, ...settings })
    expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
    const sent = gateway.lastBody()
    for (const [field, value] of Object.entries(expected)) expect(sent[field]).toEqual(value)
  },
)

test('38. where a choice is forced at Anthropic, manual thinking is off and said so (mastra#7507, new-api#2763, any-llm#1292)', async () => {
  const reply = await gateway.ask('chat', {
    model: 'claude-sonnet-4-5',
    messages,
    ...REASONING,
    tool_choice: 'required',
  })
  expect(gateway.lastBody().thinking?.type ?? 'disabled').toBe('disabled')
  expect(reply.headers.get('x-uniroute-warnings')).toMatch(/thinking|reasoning/)
})

test('39. temperature is left out for Claude 5, and the client is told (litellm#26246, monster-mq#168, loreai#767)', async () => {
  const reply = await gateway.ask('chat', { model: 'claude-sonnet-5', messages, temperature: 0.2 })
  expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([
    200,
    expect.stringMatching(/^dropped=.*temperature/),
  ])
  expect(gateway.lastBody()).not.toHaveProperty('temperature')
})

test.each([1024, 2000, 60_000])(
  '39. max_tokens of %i exceeds the thinking budget at Anthropic (litellm#26246, monster-mq#168, loreai#767)',
  async (most) => {
    const body = { model: 'claude-sonnet-4-5', messages, reasoning_effort: 'high', max_completion_tokens: most }
    const reply = await gateway.ask('chat', body)
    expect(reply.status).toBe(200)
    const { thinking, max_tokens: sent } = gateway.lastBody()
    expect(thinking).toMatchObject({ type: 'enabled', budget_tokens: expect.any(Number) })
    expect(thinking.budget_tokens).toBeGreaterThanOrEqual(1024)
    expect(sent).toBeGreaterThan(thinking.budget_tokens)
  },
)
