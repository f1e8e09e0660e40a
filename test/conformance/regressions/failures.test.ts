// Answers that fail: told as failures in the client's own dialect, never as success, and never begun twice.
import { expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { CLIENTS, useRegressionGateway, type Client } from '../../support/regression-gateway.ts'
import {
  anthropicFrames,
  anthropicStream,
  chatFrames,
  chatStream,
  chunk,
  messageEnd,
  messageStart,
  streamAnswer,
  textBlock,
  usageChunk,
} from '../../support/scripted-answers.ts'
import { readAnthropic, readResponses } from '../../support/strict-readers.ts'
import { readEvents } from '../../support/dialects.ts'
import type { Caller, Json, Reply } from '../../support/uniroute-client.ts'

const gateway = useRegressionGateway()

const CHAT_SERVER = 'conservative-like/llama-3.3-70b'
const CLAUDE = 'claude-sonnet-5'
const QUESTION = 'What is it like in Paris?'
const bodyOf = (client: Client, model: string): Json => {
  const messages = [{ role: 'user', content: QUESTION }]
  if (client === 'gemini') return { model, contents: [{ role: 'user', parts: [{ text: QUESTION }] }] }
  if (client === 'responses') return { model, store: false, input: QUESTION }
  return { model, messages, ...(client === 'messages' && { max_tokens: 900 }) }
}
const askResponses = (model: string): Promise<Reply> =>
  gateway.ask('responses', { ...bodyOf('responses', model), stream: true })

test('33. a Chat stream that ends with [DONE] is a whole Responses stream, every event complete (CLIProxyAPI#1085, cursor2api#116)', async () => {
  gateway.answerWith(
    chatStream([
      chunk({ role: 'assistant', content: 'Warm' }),
      chunk({ content: '.' }),
      chunk({}, 'stop'),
      usageChunk(),
    ]),
  )
  const { text } = await askResponses(CHAT_SERVER)
  const { events, output, response } = readResponses(text)
  expect(events.map(({ type }) => type.replace('response.', ''))).toEqual([
    'created',
    'in_progress',
    'output_item.added',
    'content_part.added',
    'output_text.delta',
    'output_text.delta',
    'output_text.done',
    'content_part.done',
    'output_item.done',
    'completed',
  ])
  expect(output).toMatchObject([
    { type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Warm.' }] },
  ])
  expect(response).toMatchObject({ object: 'response', status: 'completed', usage: { total_tokens: 16 } })
  expect([...text.matchAll(/^event: (\S+)$/gm)].map(([, name]) => name)).toEqual(events.map(({ type }) => type))
})

const chatBegun = chatFrames([chunk({ content: 'Warm' })])
const claudeBegun = anthropicFrames([messageStart(), ...textBlock(0, 'Warm').slice(0, 2)])
const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
const BROKEN: [string, string, string, string][] = [
  [
    'an error in a Chat stream',
    CHAT_SERVER,
    chatBegun,
    chatFrames([{ error: { message: 'The engine is gone.', code: 502 } }, '[DONE]']),
  ],
  ['the silent end of a Chat stream', CHAT_SERVER, chatBegun, ''],
  ['an error in an Anthropic stream', CLAUDE, claudeBegun, anthropicFrames([overloaded])],
  ['the silent end of an Anthropic stream', CLAUDE, claudeBegun, ''],
]
test.each(BROKEN)(
  '34. %s is response.failed, never an empty success (codex-proxy-rs#90, OmniRoute#8210, CLIProxyAPI#4904)',
  async (_what, model, begun, rest) => {
    const read = Promise.withResolvers<void>()
    gateway.answerWith({ ...streamAnswer(begun + rest), cuts: [begun.length], pause: () => read.promise })
    const stream = await gateway.open('responses', { ...bodyOf('responses', model), stream: true })
    await stream.until((text) => text.includes('Warm'))
    read.resolve()
    const events = readEvents((await stream.end()).text)
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: expect.any(String), message: expect.any(String) } },
    })
    expect(events.map(({ type }) => type)).not.toContain('response.completed')
  },
)

const firstError = anthropicFrames([overloaded])
const good = anthropicStream([messageStart(), ...textBlock(0, 'Warm.'), ...messageEnd('end_turn')])
const callerWith = (scenario: string): Promise<Caller> =>
  gateway.app.createCaller({ keys: { anthropic: createFakeKey('anthropic', scenario) } })

const twoKeys = (): Promise<Caller> =>
  gateway.app.createCaller({ keys: { anthropic: [createFakeKey('anthropic'), createFakeKey('anthropic')] } })

test.each<[string, Client]>([
  ['relayed', 'messages'],
  ['translated', 'chat'],
])(
  '35. a stream whose first event is an error is an HTTP error where no other key is left, %s (clawrouter#101, sub2api#1007)',
  async (_how, client) => {
    const caller = await callerWith('error-first-event')
    const model = `${CLAUDE}-first-${client}`
    const reply = await gateway.ask(client, { ...bodyOf(client, model), stream: true }, { caller })
    expect(reply.status).toBe(client === 'messages' ? 529 : 503)
    expect(reply.headers.get('content-type')).toMatch(/^application\/json/)
    expect(reply.body.error).toMatchObject({ message: expect.stringContaining('Anthropic') })
  },
)

test('35. after an error as first event the next key serves, with one message_start (clawrouter#101, sub2api#1007)', async () => {
  const caller = await twoKeys()
  const error = anthropicFrames([{ type: 'error', error: { type: 'rate_limit_error', message: 'Slow down' } }])
  gateway.answerWith(streamAnswer(error), good)
  const reply = await gateway.ask('messages', { ...bodyOf('messages', CLAUDE), stream: true }, { caller })
  expect(reply.status).toBe(200)
  expect(reply.headers.get('x-uniroute-attempts')).toBe('2')
  expect(new Set(gateway.sent().map(({ key }) => key)).size).toBe(2)
  expect(readAnthropic(reply.text).content).toEqual([{ type: 'text', text: 'Warm.' }])
})

test('35. an error after the first bytes ends the stream; no other key begins a second message (clawrouter#101, sub2api#1007)', async () => {
  const caller = await twoKeys()
  gateway.answerWith(streamAnswer(anthropicFrames([messageStart(), ...textBlock(0, 'Warm').slice(0, 2)]) + firstError))
  const reply = await gateway.ask('messages', { ...bodyOf('messages', CLAUDE), stream: true }, { caller })
  const types = readEvents(reply.text).map(({ type }) => type)
  expect(types.filter((type) => type === 'message_start')).toHaveLength(1)
  expect(types.at(-1)).toBe('error')
  expect(gateway.sent()).toHaveLength(1)
})

test.each(CLIENTS)(
  '36. a 429 that says 30 seconds tells a client of %s the same (aisix#144, fak#1361)',
  async (client) => {
    const reply = await gateway.ask(client, bodyOf(client, CLAUDE), { caller: await callerWith('ratelimit30') })
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([429, '30'])
  },
)

test.each(CLIENTS)('36. a 529 is overload to a client of %s, not a 502 (aisix#144, fak#1361)', async (client) => {
  const model = `${CLAUDE}-529-${client}`
  const reply = await gateway.ask(client, bodyOf(client, model), { caller: await callerWith('overloaded529') })
  const { error } = reply.body
  expect([reply.status, error.code ?? error.type, error.status]).toEqual(
    {
      chat: [503, 'overloaded', undefined],
      responses: [503, 'overloaded', undefined],
      messages: [529, 'overloaded_error', undefined],
      gemini: [503, 503, 'UNAVAILABLE'],
    }[client],
  )
  // A delay is told where the status is ours; that of a 529 is never guessed.
  expect(reply.headers.has('retry-after')).toBe(client !== 'messages')
})
