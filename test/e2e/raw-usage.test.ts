// The provider's own usage object stands in the receipt as it was written, and searches are counted and paid for,
// whatever dialect the client speaks.
import { describe, expect, test } from 'vitest'
import { useRegressionGateway, type Client } from '../support/regression-gateway.ts'
import {
  anthropicStream,
  candidate,
  geminiStream,
  jsonAnswer,
  message,
  messageEnd,
  messageStart,
  outputText,
  response,
  responsesStream,
  responseStart,
  textBlock,
} from '../support/scripted-answers.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'

const gateway = useRegressionGateway()
const receiptOf = (headers: Headers): Promise<Json> =>
  gateway.app.readReceipt(gateway.caller.apiKey, headers.get('x-request-id')!)

const counted = {
  input_tokens: 9,
  output_tokens: 7,
  server_tool_use: { web_search_requests: 3 },
  service_tier: 'standard',
}
const bodyOf = (client: Client, model: string): Json =>
  client === 'responses'
    ? { model, input: 'news?', store: false }
    : { model, max_tokens: 900, messages: [{ role: 'user', content: 'news?' }] }

test.each<Client>(['messages', 'chat', 'responses'])(
  'Claude asked by a client of %s: raw usage and searches, whole and streamed',
  async (client) => {
    const { service_tier, ...rest } = counted
    gateway.answerWith(
      jsonAnswer(message([{ type: 'text', text: 'Hi' }], 'end_turn', { usage: counted })),
      anthropicStream([
        messageStart({ input_tokens: 9, output_tokens: 1, service_tier }),
        ...textBlock(0, 'Hi'),
        ...messageEnd('end_turn', rest),
      ]),
    )
    for (const stream of [false, true]) {
      const reply = await gateway.ask(client, { ...bodyOf(client, 'claude-opus-4-7'), stream })
      expect(reply.status).toBe(200)
      const receipt = await receiptOf(reply.headers)
      expect(receipt.attempts.map(({ raw_usage }: Json) => raw_usage)).toEqual([counted])
      // 9×5 + 7×25 dollars a million, and 3×10 a thousand.
      expect(receipt).toMatchObject({
        usage: { input_tokens: 9, output_tokens: 7, searches: 3 },
        cost: { usd_micros: 30_220, source: 'computed' },
      })
      if (!stream && client === 'responses') expect(reply.body.tool_usage).toEqual({ web_search: { num_requests: 3 } })
    }
  },
)

test('a usage object too long to keep is not kept, and is read all the same', async () => {
  const usage = { ...counted, note: 'n'.repeat(5000) }
  gateway.answerWith(jsonAnswer(message([{ type: 'text', text: 'Hi' }], 'end_turn', { usage })))
  const { headers } = await gateway.ask('messages', bodyOf('messages', 'claude-opus-4-7'))
  const receipt = await receiptOf(headers)
  expect(receipt).toMatchObject({ usage: { searches: 3 }, attempts: [{ raw_usage: null }] })
})

test('searches that the Responses API counts reach a client of Messages', async () => {
  const usage = { input_tokens: 9, output_tokens: 7, total_tokens: 16 }
  const tool_usage = { web_search: { num_requests: 2 } }
  gateway.answerWith(jsonAnswer(response([outputText('Hi')], { usage, tool_usage })))
  const { headers, body } = await gateway.ask('messages', bodyOf('messages', 'openai/gpt-5'))
  expect(body.usage.server_tool_use).toEqual({ web_search_requests: 2 })
  const receipt = await receiptOf(headers)
  expect(receipt).toMatchObject({ usage: { searches: 2 }, attempts: [{ raw_usage: usage }] })
})

const looked = {
  groundingMetadata: {
    // Empty queries and repeated ones are not billed.
    webSearchQueries: ['', 'news today', 'news yesterday', 'news today'],
    groundingChunks: Array.from({ length: 40 }, (_, at) => ({
      web: { uri: `https://site${at}.test/`, title: 't'.repeat(200) },
    })),
  },
}

// 9×2 + 7×12 and 9×0.3 + 7×2.5 dollars a million (the list), with Google's fee: $14 for a thousand queries, or $35 for
// a thousand answers that looked.
test.each([
  ['gemini-3-pro-preview', 102 + 2 * 14_000],
  ['gemini-2.5-flash', 20 + 35_000],
] as const)(
  'searches of %s are counted and paid for, whole and streamed, relayed and translated',
  async (model, micros) => {
    const found = candidate([{ text: 'Hi' }], 'STOP')
    const grounded = { ...found, candidates: [{ ...found['candidates'][0], ...looked }] }
    for (const client of ['gemini', 'chat'] as const) {
      for (const stream of [false, true]) {
        gateway.answerWith(stream ? geminiStream([candidate([{ text: 'O' }]), grounded]) : jsonAnswer(grounded))
        const body =
          client === 'chat'
            ? { ...bodyOf('chat', model), stream }
            : { model, stream, contents: [{ role: 'user', parts: [{ text: 'news?' }] }], tools: [{ googleSearch: {} }] }
        const reply = await gateway.ask(client, body)
        expect([reply.status, reply.text]).toEqual([200, expect.any(String)])
        expect(await receiptOf(reply.headers), `${client} ${stream}`).toMatchObject({
          usage: { input_tokens: 9, output_tokens: 7, searches: 2 },
          // Some a day are free, so it is at most this.
          cost: { usd_micros: micros, source: 'estimated' },
        })
      }
    }
  },
)

describe('an answer of Responses that is relayed', () => {
  // What clients write themselves says nothing of how they were served.
  const tools = Array.from({ length: 40 }, (_, at) => ({
    type: 'function',
    name: `f${at}`,
    description: 'd'.repeat(200),
    parameters: {
      type: 'object',
      properties: { usage: { type: 'string' }, service_tier: { type: 'string' } },
      default: { service_tier: 'flex', usage: { input_tokens: 1, output_tokens: 1 } },
    },
  }))
  const labels = Array.from({ length: 15 }, (_, at) => [`label_${at}`, 'm'.repeat(500)])
  const metadata = { ...Object.fromEntries(labels), service_tier: 'flex' }
  const usage = { input_tokens: 9, output_tokens: 7, total_tokens: 16 }
  const answer = (text: string): object => {
    const { usage: _usage, ...rest } = response([outputText(text)])
    const tool_usage = { web_search: { num_requests: 3 } }
    return {
      ...rest,
      service_tier: 'priority',
      tool_usage,
      text: { format: { default: metadata } },
      tools,
      usage,
      metadata,
    }
  }

  async function expectCounted(reply: Reply): Promise<void> {
    expect([reply.status, reply.text.includes('label_14')]).toEqual([200, true])
    const receipt = await receiptOf(reply.headers)
    expect(receipt).toMatchObject({
      usage: { input_tokens: 9, output_tokens: 7, searches: 3 },
      attempts: [{ raw_usage: usage }],
    })
    // The dearer tier, and not the list's own price of 9×1.25 + 7×10 dollars a million and 3 searches at 10 a thousand.
    expect(receipt.cost.usd_micros).toBeGreaterThan(30_082)
  }

  test('is counted however much of its request the last event of a stream repeats', async () => {
    gateway.answerWith(
      responsesStream([
        ...responseStart(),
        { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'Hi' },
        { type: 'response.completed', response: answer('Hi') },
      ]),
    )
    await expectCounted(await gateway.ask('responses', { ...bodyOf('responses', 'gpt-5'), stream: true }))
  })

  test.each([1, 17])('is counted when it is whole and of %i MB', async (megabytes) => {
    gateway.answerWith(jsonAnswer(answer('Hi'.repeat(megabytes * 512 * 1024))))
    await expectCounted(await gateway.ask('responses', bodyOf('responses', 'gpt-5')))
  })
})

test('a whole Chat answer of 17 MB tells its tier', async () => {
  const usage = { prompt_tokens: 1_000_000, completion_tokens: 0, total_tokens: 1_000_000 }
  const message = { role: 'assistant', content: 'Hi'.repeat(17 * 512 * 1024) }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  gateway.answerWith(jsonAnswer({ id: 'c', model: 'gpt-5', choices, usage, service_tier: 'flex' }))
  const { headers } = await gateway.ask('chat', { model: 'gpt-5', messages: [{ role: 'user', content: 'news?' }] })
  const receipt = await receiptOf(headers)
  // Half of 1.25 dollars.
  expect(receipt.cost.usd_micros).toBe(625_000)
})
