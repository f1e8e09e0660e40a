// Bodies of other shapes at /v1/chat/completions are written anew even for a provider that speaks Chat; those of this
// dialect go through as they are, whatever words of other dialects stand in them.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { readEvents } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

let fake: FakeProvider
let app: InProcessApp
let caller: Caller
beforeAll(async () => {
  fake = await startFakeProvider()
  app = await startInProcess({ fake })
  caller = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
})
afterEach(() => {
  const wrong = [...fake.violations(), ...fake.complaints()]
  fake.forget()
  expect(wrong).toEqual([])
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
})

const ask = (body: Json): Promise<Reply> =>
  app.call('POST', '/v1/chat/completions', { token: caller.apiKey, body: { model: 'gpt-4o', ...body } })
const schema = { type: 'object', properties: { city: { type: 'string' } } }
const user = (content: unknown): Json => ({ role: 'user', content })

describe('this dialect', () => {
  const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"type":"tool_use","content":[]}' } }
  const tool = (parameters: Json): Json => ({ type: 'function', function: { name: 'f', parameters } })
  test.each<[string, Json]>([
    ['talk of blocks', { messages: [user('"tool_use" and "content": [] and "input_text"'), user('tool_use')] }],
    [
      'calls and results',
      {
        messages: [
          user('x'),
          { role: 'assistant', content: null, tool_calls: [call] },
          { role: 'tool', tool_call_id: 'c1', content: '{"type":"tool_result"}' },
        ],
      },
    ],
    [
      'a parameter called input_schema',
      {
        messages: [user('x')],
        tools: [
          tool({
            type: 'object',
            properties: { input_schema: { type: 'string' }, name: { type: 'string', enum: ['tool_use', 'custom'] } },
          }),
        ],
      },
    ],
    ['its own freeform tools', { messages: [user('x')], tools: [{ type: 'custom', custom: { name: 'apply_patch' } }] }],
    ['the older functions', { messages: [user('x')], functions: [{ name: 'f', parameters: schema }] }],
    ['parts', { messages: [user([{ type: 'text', text: 'input_text' }])], tools: [tool(schema)] }],
  ])('with %s goes through as it is', async (_what, body) => {
    const reply = await ask(body)
    expect([reply.status, reply.text.slice(0, 200)]).toEqual([200, expect.any(String)])
    const sent = fake.requests.at(-1)!
    expect([sent.path, sent.rawBody.toString()]).toEqual([
      '/v1/chat/completions',
      JSON.stringify({ model: 'gpt-4o', ...body }),
    ])
  })
})

describe('another shape', () => {
  test.each<[string, Json]>([
    ['Responses items', { input: [{ role: 'user', content: [{ type: 'input_text', text: 'hello' }] }] }],
    ['a text as input', { input: 'hello', max_output_tokens: 500 }],
    ['a flat tool', { messages: [user('hello')], tools: [{ type: 'function', name: 'f', parameters: schema }] }],
    [
      'a flat freeform tool beside a nested one',
      {
        messages: [user('hello')],
        tools: [
          { type: 'function', function: { name: 'f', parameters: schema } },
          { type: 'custom', name: 'apply_patch' },
        ],
      },
    ],
    ['an Anthropic tool', { messages: [user('hello')], tools: [{ name: 'f', input_schema: schema }] }],
    [
      'Anthropic blocks',
      {
        messages: [
          user('x'),
          { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'f', input: {} }] },
          user([{ type: 'tool_result', tool_use_id: 'c1', content: 'hello' }]),
        ],
      },
    ],
    ['parts of Responses', { messages: [user([{ type: 'input_text', text: 'hello' }])] }],
    ['an empty list of content', { messages: [user('x'), { role: 'assistant', content: [] }, user('hello')] }],
  ])('with %s is served, whole and streamed, as Chat', async (_what, body) => {
    const whole = await ask(body)
    expect([whole.status, whole.text]).toEqual([200, expect.stringContaining('hello')])
    expect(whole.body).toMatchObject({ object: 'chat.completion', model: 'gpt-4o' })
    const streamed = await ask({ ...body, stream: true })
    const events = readEvents(streamed.text)
    expect(events.map(({ object }) => object)).toEqual(events.map(() => 'chat.completion.chunk'))
    expect(events.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toContain('hello')
    expect(streamed.text).toMatch(/data: \[DONE\]\n\n$/)
  })

  test('the limit that Responses names so is kept', async () => {
    await ask({ input: 'hello', max_output_tokens: 500 })
    expect(fake.requests.at(-1)!.body.max_output_tokens).toBe(500)
  })
})
