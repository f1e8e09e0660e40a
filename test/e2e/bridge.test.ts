// The bridge from Chat Completions to Responses: models that refuse function tools beside reasoning at their Chat
// address are asked at the other one, with the same key, and the client reads Chat all the same.
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
  caller = await app.createCaller({ keys: { openai: [createFakeKey('openai'), createFakeKey('openai')] } })
})
afterEach(() => {
  const violations = fake.violations()
  fake.forget()
  expect(violations).toEqual([])
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
})

const schema = { type: 'object', properties: { city: { type: 'string' } } }
const tools = [{ type: 'function', function: { name: 'get_weather', parameters: schema } }]
const question = { role: 'user', content: 'call the tool' }
const ask = (body: Json, headers: Record<string, string> = {}, by = caller): Promise<Reply> =>
  app.call('POST', '/v1/chat/completions', { token: by.apiKey, body, headers })
const paths = (): string[] => fake.requests.filter(({ method }) => method === 'POST').map(({ path }) => path)
const CHAT = '/v1/chat/completions'
const RESPONSES = '/v1/responses'
let models = 0
/** What was learned of a model stays learned, so every test has its own. */
const freshModel = (): string => `gpt-5.6-test${++models}`

test('a refusal becomes an answer in Chat, with one more call by the same key, and both stand in the receipt', async () => {
  const reply = await ask({ model: freshModel(), messages: [question], tools })
  expect([reply.status, paths()]).toEqual([200, [CHAT, RESPONSES]])
  const [call] = reply.body.choices[0].message.tool_calls
  expect(reply.body).toMatchObject({ object: 'chat.completion', choices: [{ finish_reason: 'tool_calls' }] })
  expect([call.function.name, JSON.parse(call.function.arguments)]).toEqual(['get_weather', { city: 'Paris 🙂' }])
  expect(reply.headers.get('x-uniroute-warnings')).toBe('adjusted=chat_to_responses')
  expect(reply.headers.get('x-uniroute-attempts')).toBe('2')
  const [first, second] = fake.requests.filter(({ method }) => method === 'POST')
  expect(second!.key).toBe(first!.key)
  const receipt = await app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
  expect(receipt.dialects).toEqual({ client: 'openai-chat', upstream: 'openai-responses' })
  expect(receipt.attempts.map(({ status }: Json) => status)).toEqual([400, 200])
  expect(receipt.warnings).toEqual(['adjusted=chat_to_responses'])
})

test('streams are chunks of Chat with the usage that was asked for, from the first refusal on', async () => {
  const model = freshModel()
  const body = { model, messages: [question], tools, stream: true, stream_options: { include_usage: true } }
  for (const attempts of ['2', '1']) {
    const reply = await ask(body)
    expect([reply.status, reply.headers.get('x-uniroute-attempts')]).toEqual([200, attempts])
    expect(reply.headers.get('x-uniroute-warnings')).toBe('adjusted=chat_to_responses')
    expect(reply.text).toMatch(/data: \[DONE\]\n\n$/)
    const events = readEvents(reply.text)
    expect(new Set(events.map(({ object }) => object))).toEqual(new Set(['chat.completion.chunk']))
    const pieces = events.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
    expect(JSON.parse(pieces.map((piece: Json) => piece.function.arguments).join(''))).toEqual({ city: 'Paris 🙂' })
    expect(events.at(-1).usage.completion_tokens).toBeGreaterThan(0)
  }
  expect(paths()).toEqual([CHAT, RESPONSES, RESPONSES])
})

describe('what was learned', () => {
  test('holds for the model and for everybody, and for requests with function tools alone', async () => {
    const model = freshModel()
    await ask({ model, messages: [question], tools })
    const other = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
    fake.forget()
    await ask({ model, messages: [question], tools }, {}, other)
    await ask({ model, messages: [{ role: 'user', content: 'hello' }] })
    await ask({ model: 'gpt-4o', messages: [question], tools })
    expect(paths()).toEqual([RESPONSES, CHAT, CHAT])
  })

  test('goes on through a tool loop, with what the model thought', async () => {
    const model = freshModel()
    const body = { model, messages: [question], tools, reasoning_effort: 'high' }
    const first = await ask(body)
    const [state] = fake.requests.at(-1)!.issued
    expect(state).toBeDefined()
    const { tool_calls: calls } = first.body.choices[0].message
    const said = { role: 'assistant', content: null, tool_calls: calls }
    const result = { role: 'tool', tool_call_id: calls[0].id, content: '42' }
    const next = await ask({ ...body, messages: [question, said, result] })
    expect([next.status, next.body.choices[0].message.content]).toEqual([200, 'The tool says: 42'])
    expect(fake.requests.at(-1)!.rawBody.toString()).toContain(state)
  })
})

describe('strict mode', () => {
  test.each([
    ['before anything was learned', false],
    ['after it', true],
  ])('shows the provider’s own refusal, %s', async (_when, learned) => {
    const model = freshModel()
    const body = { model, messages: [question], tools }
    if (learned) await ask(body)
    fake.forget()
    const reply = await ask(body, { 'x-uniroute-strict': 'true' })
    expect([reply.status, paths()]).toEqual([400, [CHAT]])
    expect(reply.body.error.message).toMatch(/^Function tools with reasoning_effort are not supported/)
    expect(reply.headers.get('x-uniroute-error-source')).toBe('upstream')
    expect(reply.headers.get('x-uniroute-warnings')).toBeNull()
  })
})

test('a refusal in other words is the client’s to see', async () => {
  const reply = await ask({ model: 'gpt-4o', messages: [question, { role: 'nobody', content: 'x' }], tools })
  expect([reply.status, paths()]).toEqual([400, [CHAT]])
})
