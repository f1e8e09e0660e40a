// Bytes that must survive: characters cut in two, ids of a certain form, sealed text; and what a leaving client leaves.
import { describe, expect, test } from 'vitest'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { useRegressionGateway, type Client } from '../../support/regression-gateway.ts'
import {
  anthropicStream,
  callChunk,
  chatFrames,
  chatStream,
  chunk,
  completion,
  functionCall,
  jsonAnswer,
  messageEnd,
  messageStart,
  outputText,
  reasoningItem,
  response,
  streamAnswer,
  textBlock,
  usageChunk,
} from '../../support/scripted-answers.ts'
import { readAnthropic, readChat } from '../../support/strict-readers.ts'
import type { Json } from '../../support/uniroute-client.ts'
import { chatCall, chatTools, messagesTools, NAMES, responsesTools, toolResult, toolUse } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const question = { role: 'user', content: 'What is it like in Paris?' }
const streamed = { stream: true, stream_options: { include_usage: true }, messages: [question] }
const CHAT_SERVER = 'conservative-like/llama-3.3-70b'
const EMOJI = 'Warm 🙂 – ünïcödé, 漢字, 👩‍👩‍👧.'

test('40. an emoji cut between bytes, with CRLF, arrives whole in another dialect (plano#980, praxis#739)', async () => {
  gateway.answerWith(
    anthropicStream([messageStart(), ...textBlock(0, EMOJI), ...messageEnd('end_turn')], {
      newline: '\r\n',
      pieces: 1,
    }),
  )
  const { text } = await gateway.ask('chat', { model: 'claude-sonnet-5', ...streamed })
  expect(readChat(text).content).toBe(EMOJI)
})

test('40. an emoji cut between bytes, with CRLF, is relayed byte for byte (plano#980, praxis#739)', async () => {
  const frames = chatFrames([chunk({ content: EMOJI }), chunk({}, 'stop'), usageChunk(), '[DONE]'])
  gateway.answerWith(streamAnswer(frames, { newline: '\r\n', pieces: 1 }))
  const { text } = await gateway.ask('chat', { model: 'gpt-4o', ...streamed })
  expect(text).toBe(frames.replaceAll('\n', '\r\n'))
})

test('40. calls and results stay paired under the nine-character ids that Mistral takes (opencode#1680)', async () => {
  const ids = ['toolu_01AbCdEfGhIjKlMnOpQrStUv', 'toolu_01AbCdEfGhIjKlMnOpQrStUw']
  const reply = await gateway.ask('messages', {
    model: 'mistral-like/mistral-large',
    max_tokens: 900,
    messages: [
      question,
      { role: 'assistant', content: ids.map((id, at) => toolUse(id, NAMES[at])) },
      { role: 'user', content: ids.map((id, at) => toolResult(id, `result ${at}`)) },
    ],
    tools: messagesTools,
  })
  expect(reply.status).toBe(200)
  const [, said, ...results] = gateway.lastBody().messages
  const wire: string[] = said.tool_calls.map(({ id }: Json) => id)
  for (const id of wire) expect(id).toMatch(/^[a-zA-Z0-9]{9}$/)
  expect(new Set(wire).size).toBe(2)
  expect(results.map(({ tool_call_id: id, content }: Json) => [id, content])).toEqual([
    [wire[0], 'result 0'],
    [wire[1], 'result 1'],
  ])
})

test('40. an id that Mistral gave comes back to it as it was (opencode#1680)', async () => {
  const body = { model: 'mistral-like/mistral-large', max_tokens: 900, tools: messagesTools }
  gateway.answerWith(jsonAnswer(completion({ tool_calls: [chatCall('Ab3dE6gH9')] }, 'tool_calls')))
  const { content } = (await gateway.ask('messages', { ...body, messages: [question] })).body
  const result = toolResult(content.at(-1).id)
  const messages = [question, { role: 'assistant', content }, { role: 'user', content: [result] }]
  await gateway.ask('messages', { ...body, messages })
  expect(gateway.lastBody().messages.slice(1)).toMatchObject([
    { tool_calls: [{ id: 'Ab3dE6gH9' }] },
    { tool_call_id: 'Ab3dE6gH9' },
  ])
})

const SEALED = 'gAAAAAB-_xYz+/=é 🙂\\u00e9"'

test.each<[string, Client]>([
  ['relayed for a Responses client', 'responses'],
  ['through an Anthropic client', 'messages'],
])('40. encrypted_content of OpenAI comes back to it byte for byte, %s (bifrost#5410)', async (_how, client) => {
  gateway.answerWith(
    jsonAnswer(response([reasoningItem('rs_1', SEALED), functionCall('call_1', 'get_weather', '{}')])),
    jsonAnswer(response([outputText('Warm.')])),
  )
  if (client === 'responses') {
    const body = { model: 'gpt-5', store: false, include: ['reasoning.encrypted_content'], tools: responsesTools }
    const { output } = (await gateway.ask(client, { ...body, input: [question] })).body
    const result = { type: 'function_call_output', call_id: 'call_1', output: '21 °C' }
    await gateway.ask(client, { ...body, input: [question, ...output, result] })
  } else {
    const body = { model: 'gpt-5', max_tokens: 900, thinking: { type: 'adaptive' }, tools: messagesTools }
    const { content } = (await gateway.ask(client, { ...body, messages: [question] })).body
    const result = toolResult(content.at(-1).id)
    const messages = [question, { role: 'assistant', content }, { role: 'user', content: [result] }]
    await gateway.ask(client, { ...body, messages })
  }
  expect(gateway.lastBody().input[1]).toMatchObject({ type: 'reasoning', id: 'rs_1', encrypted_content: SEALED })
  expect(gateway.sent()[1]!.rawBody.toString()).not.toContain('urs1.')
})

describe.each([
  ['relayed', 'claude-sonnet-5'],
  ['translated', 'gpt-4.1'],
])('a client that leaves, %s', (how, model) => {
  const body = { model, max_tokens: 900, messages: [question] }
  const vendor = how === 'relayed' ? 'anthropic' : 'openai'
  const callerWith = async (scenario: string) => {
    const key = createFakeKey(vendor, scenario)
    return { key, caller: await gateway.app.createCaller({ keys: { [vendor]: key } }) }
  }
  const expectAborted = (key: string): Promise<void> =>
    expect.poll(() => gateway.fake.requestsOf(key).map(({ state }) => state)).toEqual(['aborted'])

  test(`41. a client that leaves in mid-stream stops the provider, ${how} (litellm#37140)`, async () => {
    const { key, caller } = await callerWith('slow300')
    const stream = await gateway.open('messages', { ...body, stream: true }, { caller })
    await stream.until((text) => text.includes('content_block_delta'))
    stream.leave()
    await expectAborted(key)
  })

  test.each([true, false])(
    `41. a client that leaves before the first byte (streamed: %s) stops the provider, ${how} (litellm#37140)`,
    async (stream) => {
      const { key, caller } = await callerWith('hang')
      const left = new AbortController()
      const headers = { authorization: `Bearer ${caller.apiKey}` }
      const call = gateway.app.call('POST', '/v1/messages', {
        headers,
        body: { ...body, stream },
        signal: left.signal,
      })
      await expect.poll(() => gateway.fake.requestsOf(key)).toHaveLength(1)
      left.abort()
      await expect(call).rejects.toThrow()
      await expectAborted(key)
    },
  )
})

const AZURE = [
  { ...chunk({}), id: '', model: '', choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Warm.' }),
  { ...chunk({}), choices: [{ index: 0, finish_reason: null, content_filter_offsets: { start_offset: 0 } }] },
  callChunk({ index: 0, ...chatCall('call_1') }),
  { ...chunk({}), choices: [{ index: 0, finish_reason: 'tool_calls' }] },
  usageChunk(),
]

test('42. Azure chunks without choices or delta are read for a client of another dialect (autogen#6465)', async () => {
  gateway.answerWith(chatStream(AZURE))
  const body = { model: CHAT_SERVER, stream: true, max_tokens: 900, messages: [question], tools: messagesTools }
  const { text } = await gateway.ask('messages', body)
  const { content, stop, usage } = readAnthropic(text)
  expect(content).toEqual([{ type: 'text', text: 'Warm.' }, toolUse('call_1')])
  expect([stop.stop_reason, usage.input_tokens, usage.output_tokens]).toEqual(['tool_use', 9, 7])
})

test('42. Azure chunks without choices or delta are relayed as they are, and counted (autogen#6465)', async () => {
  gateway.answerWith(chatStream(AZURE))
  const { text, headers } = await gateway.ask('chat', { model: CHAT_SERVER, ...streamed, tools: chatTools })
  expect(text).toBe(chatFrames([...AZURE, '[DONE]']))
  const receipt = await gateway.app.readReceipt(gateway.caller.apiKey, headers.get('x-request-id')!)
  expect(receipt.usage).toMatchObject({ input_tokens: 9, output_tokens: 7 })
})
