// The official SDKs talking to the fake directly: if they read it as they read the vendors, it may stand in for them.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clientsInstalled, loadOfficialClients, type OfficialClients } from '../support/official-clients.ts'
import { createFakeKey } from './fake-keys.ts'
import { startFakeProvider, type FakeProvider } from './fake-provider.ts'

const TOOL_SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }

if (!clientsInstalled) console.warn('official-clients.test.ts did not run: test/clients is not installed')

describe.skipIf(!clientsInstalled)('official SDKs against the fake', () => {
  let fake: FakeProvider
  let sdk: OfficialClients
  beforeAll(async () => {
    fake = await startFakeProvider({ behindGateway: false })
    sdk = loadOfficialClients()
  })
  afterEach(() => {
    expect(fake.violations()).toEqual([])
    fake.forget()
  })
  afterAll(() => fake.close())

  const openai = (scenario?: string) =>
    new sdk.OpenAI({ apiKey: createFakeKey('openai', scenario), baseURL: `${fake.url}/v1`, maxRetries: 0 })
  const anthropic = (scenario?: string) =>
    new sdk.Anthropic({ apiKey: createFakeKey('anthropic', scenario), baseURL: fake.url, maxRetries: 0 })
  const google = (scenario?: string) =>
    new sdk.GoogleGenAI({ apiKey: createFakeKey('google', scenario), httpOptions: { baseUrl: fake.url } })

  test('openai: chat, stream, tools, embeddings, responses, models', async () => {
    const client = openai()
    const messages = [{ role: 'user', content: 'hello' }]
    const chat = await client.chat.completions.create({ model: 'gpt-4o', messages })
    expect(chat.choices[0].message.content).toContain('You said: hello')
    const streamed = client.chat.completions.stream({
      model: 'gpt-4o',
      messages,
      stream_options: { include_usage: true },
    })
    const final = await streamed.finalChatCompletion()
    expect(final.choices[0].message.content).toBe(chat.choices[0].message.content)
    expect((await streamed.totalUsage()).total_tokens).toBe(chat.usage.total_tokens)
    const tools = ['get_weather', 'get_time'].map((name) => ({
      type: 'function',
      function: { name, parameters: TOOL_SCHEMA },
    }))
    const asking = [{ role: 'user', content: 'call two tools in parallel' }]
    const called = await client.chat.completions
      .stream({ model: 'gpt-4o', messages: asking, tools })
      .finalChatCompletion()
    expect(called.choices[0].message.tool_calls).toHaveLength(2)
    expect(JSON.parse(called.choices[0].message.tool_calls[1].function.arguments)).toEqual({ city: 'New Delhi' })
    const vectors = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] })
    expect(vectors.data[1].embedding).toHaveLength(8)
    const response = await client.responses.create({ model: 'gpt-5', input: 'hi', reasoning: { effort: 'low' } })
    expect(response.output_text).toContain('You said: hi')
    expect(response.usage.output_tokens_details.reasoning_tokens).toBeGreaterThan(0)
    const events = client.responses.stream({
      model: 'gpt-5',
      input: 'call the tool',
      reasoning: { effort: 'low', summary: 'auto' },
      tools: [{ type: 'function', name: 'get_weather', parameters: TOOL_SCHEMA, strict: true }],
    })
    const finalResponse = await events.finalResponse()
    expect(finalResponse.output.map((item: { type: string }) => item.type)).toEqual(['reasoning', 'function_call'])
    const models = await client.models.list()
    expect(models.data.map((model: { id: string }) => model.id)).toContain('gpt-4o')
  })

  test('anthropic: messages, stream, tools, thinking, count tokens, models', async () => {
    const client = anthropic()
    const ask = (content: string) => ({
      model: 'claude-sonnet-5',
      max_tokens: 200,
      messages: [{ role: 'user', content }],
    })
    const message = await client.messages.create(ask('hello'))
    expect(message.content[0].text).toContain('You said: hello')
    const streamed = await client.messages.stream(ask('hello')).finalMessage()
    expect(streamed.content[0].text).toBe(message.content[0].text)
    expect(streamed.usage.output_tokens).toBe(message.usage.output_tokens)
    const tools = ['get_weather', 'get_time'].map((name) => ({ name, input_schema: TOOL_SCHEMA }))
    const called = await client.messages.stream({ ...ask('call both tools'), tools, thinking: { type: 'adaptive' } })
    const final = await called.finalMessage()
    expect(final.content.map((block: { type: string }) => block.type)).toEqual(['thinking', 'tool_use', 'tool_use'])
    expect(final.content[2].input).toEqual({ city: 'New Delhi' })
    const { max_tokens: _max, ...counted } = ask('hello')
    expect((await client.messages.countTokens(counted)).input_tokens).toBeGreaterThan(0)
    const ids: string[] = []
    for await (const model of client.models.list({ limit: 2 })) ids.push(model.id)
    expect(ids).toHaveLength(3)
  })

  test('google: generate, stream, tools, thoughts, count tokens, embed, models', async () => {
    const client = google()
    const model = 'gemini-3.5-flash'
    const answer = await client.models.generateContent({ model, contents: 'hello' })
    expect(answer.text).toContain('You said: hello')
    let text = ''
    for await (const chunk of await client.models.generateContentStream({ model, contents: 'hello' })) {
      text += chunk.text ?? ''
    }
    expect(text).toBe(answer.text)
    const functionDeclarations = ['get_weather', 'get_time'].map((name) => ({
      name,
      parametersJsonSchema: TOOL_SCHEMA,
    }))
    const calls = []
    const config = { tools: [{ functionDeclarations }], thinkingConfig: { includeThoughts: true } }
    for await (const chunk of await client.models.generateContentStream({
      model,
      contents: 'call both tools',
      config,
    })) {
      calls.push(...(chunk.functionCalls ?? []))
    }
    expect(calls.map((call) => call.name)).toEqual(['get_weather', 'get_time'])
    expect((await client.models.countTokens({ model, contents: 'hello' })).totalTokens).toBeGreaterThan(0)
    const vectors = await client.models.embedContent({ model: 'gemini-embedding-2', contents: ['a', 'b'] })
    expect(vectors.embeddings.length).toBeGreaterThan(0)
    const names: string[] = []
    for await (const found of await client.models.list()) names.push(found.name)
    expect(names).toContain('models/gemini-3.5-flash')
  })

  test('each SDK throws its own error for a rejected key', async () => {
    const chat = { model: 'gpt-4o', messages: [{ role: 'user', content: 'x' }] }
    await expect(openai('invalid').chat.completions.create(chat)).rejects.toMatchObject({ status: 401 })
    const ask = { ...chat, model: 'claude-sonnet-5', max_tokens: 9 }
    await expect(anthropic('invalid').messages.create(ask)).rejects.toMatchObject({ status: 401 })
    await expect(
      google('invalid').models.generateContent({ model: 'gemini-3.5-flash', contents: 'x' }),
    ).rejects.toMatchObject({ status: 400 })
  })

  test('an in-band error becomes an exception in each SDK', async () => {
    const chat = { model: 'gpt-4o', messages: [{ role: 'user', content: 'hello there, long enough' }] }
    await expect(openai('error-midstream').chat.completions.stream(chat).finalChatCompletion()).rejects.toThrow()
    const ask = { ...chat, model: 'claude-sonnet-5', max_tokens: 99 }
    await expect(anthropic('error-midstream').messages.stream(ask).finalMessage()).rejects.toThrow(/Overloaded/)
    const read = async () => {
      const contents = 'hello there, long enough to be cut into several pieces'
      const stream = await google('error-midstream').models.generateContentStream({
        model: 'gemini-3.5-flash',
        contents,
      })
      for await (const _chunk of stream);
    }
    await expect(read()).rejects.toMatchObject({ status: 503 })
  })
})
