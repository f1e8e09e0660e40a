// Stop sequences for a provider that has none: the gateway cuts the answer, ends the provider's side at once, and says
// of the tokens that it did not wait for their count.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { readEvents } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'

const SAID = `One. Two. STOP ${'and so on, for a long while. '.repeat(2000)}`

let fake: FakeProvider
let app: InProcessApp
let caller: Caller
beforeAll(async () => {
  fake = await startFakeProvider({ say: () => SAID })
  app = await startInProcess({ fake })
  caller = await app.createCaller({ keys: { openai: createFakeKey('openai', 'slow1') } })
})
afterAll(async () => {
  await app?.close()
  await fake?.close()
})

interface Client {
  readonly name: string
  path(stream: boolean): string
  body(stream: boolean): Json
  /** Text, and the word for the end, of a whole answer or of a stream's events. */
  read(body: Json): { text: string; end: string }
  readEvents(events: Json[]): { text: string; end: string }
}

const CLIENTS: readonly Client[] = [
  {
    name: 'Anthropic',
    path: () => '/v1/messages',
    body: (stream) => ({
      model: 'gpt-4o',
      stream,
      max_tokens: 5000,
      stop_sequences: ['never', 'STOP'],
      messages: [{ role: 'user', content: 'count' }],
    }),
    read: (body) => ({ text: body.content[0].text, end: `${body.stop_reason} ${body.stop_sequence}` }),
    readEvents(events) {
      const { delta } = events.find(({ type }) => type === 'message_delta')
      return {
        text: events.map((event) => event.delta?.text ?? '').join(''),
        end: `${delta.stop_reason} ${delta.stop_sequence}`,
      }
    },
  },
  {
    name: 'Gemini',
    path: (stream) => `/v1beta/models/gpt-4o:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: () => ({
      contents: [{ role: 'user', parts: [{ text: 'count' }] }],
      generationConfig: { stopSequences: ['STOP'] },
    }),
    read: ({ candidates: [{ content, finishReason }] }) => ({ text: content.parts[0].text, end: finishReason }),
    readEvents: (events) => ({
      text: events.map(({ candidates }) => candidates?.[0]?.content?.parts?.[0]?.text ?? '').join(''),
      end: events.at(-1).candidates[0].finishReason,
    }),
  },
]

const ENDS: Readonly<Record<string, string>> = { Anthropic: 'stop_sequence STOP', Gemini: 'STOP' }

describe.each(CLIENTS)('a client of $name', (client) => {
  const ask = async (stream: boolean): Promise<{ text: string; end: string; receipt: Json }> => {
    const reply = await app.call('POST', client.path(stream), { token: caller.apiKey, body: client.body(stream) })
    expect([reply.status, fake.complaints()]).toEqual([200, []])
    const said = stream ? client.readEvents(readEvents(reply.text)) : client.read(reply.body)
    return { ...said, receipt: await app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!) }
  }

  test('gets a stream that ends there; usage is estimated, and the receipt says so', async () => {
    const { text, end, receipt } = await ask(true)
    expect([text, end]).toEqual(['One. Two. ', ENDS[client.name]])
    const upstream = fake.requests.at(-1)!
    await upstream.ended
    expect([upstream.path, upstream.state]).toEqual(['/v1/responses', 'aborted'])
    expect(receipt).toMatchObject({ status: 200, cost: { source: 'estimated' } })
    expect(receipt.attempts).toMatchObject([{ status: 200, outcome: 'served' }])
    expect(receipt.usage.input_tokens).toBeGreaterThan(0)
    expect(receipt.usage.output_tokens).toBeGreaterThan(0)
    expect(receipt.cost.usd_micros).toBeGreaterThan(0)
    // Of what was sent, not of what would have come.
    expect(receipt.usage.output_tokens).toBeLessThan(SAID.length / 8)
  })

  test('gets a whole answer that ends there, with the provider’s own count', async () => {
    const { text, end, receipt } = await ask(false)
    expect([text, end]).toEqual(['One. Two. ', ENDS[client.name]])
    expect(receipt.cost.source).toBe('computed')
  })
})
