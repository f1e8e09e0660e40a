// What a call used, counted once and summing up; and the arguments of calls, told once and whole.
import { expect, test } from 'vitest'
import { useRegressionGateway } from '../../support/regression-gateway.ts'
import {
  anthropicStream,
  block,
  callBlock,
  callChunk,
  candidate,
  chatStream,
  chunk,
  geminiStream,
  jsonAnswer,
  message,
  messageEnd,
  messageStart,
  textBlock,
  usageChunk,
} from '../../support/scripted-answers.ts'
import { readAnthropic, readChat, readResponses } from '../../support/strict-readers.ts'
import type { Json } from '../../support/uniroute-client.ts'
import { chatTools, messagesTools, responsesTools } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const messages = [{ role: 'user', content: 'What is it like in Paris?' }]
const CLAUDE = 'claude-sonnet-5'
const streamed = { stream: true, stream_options: { include_usage: true }, messages }
const cacheCounts = { cache_creation_input_tokens: 20, cache_read_input_tokens: 30 }

test('23. input 10, written 20 and read 30 at Anthropic are a Chat prompt of 60 with 30 cached (Portkey#1754)', async () => {
  const usage = { input_tokens: 10, ...cacheCounts, output_tokens: 5 }
  gateway.answerWith(jsonAnswer(message([{ type: 'text', text: 'Warm.' }], 'end_turn', { usage })))
  const { body } = await gateway.ask('chat', { model: CLAUDE, messages })
  expect(body.usage).toMatchObject({
    prompt_tokens: 60,
    prompt_tokens_details: { cached_tokens: 30 },
    completion_tokens: 5,
    total_tokens: 65,
  })
})

const places: [string, Json, Json][] = [
  ['message_start', cacheCounts, {}],
  ['message_delta', {}, cacheCounts],
  ['both', cacheCounts, cacheCounts],
]
test.each(places)(
  '24. cache tokens in %s of an Anthropic stream are counted once, for client and ledger (bifrost#5355, envoy-ai-gateway#2239, rust-genai#258)',
  async (_where, first, last) => {
    const answer = anthropicStream([
      messageStart({ input_tokens: 10, output_tokens: 1, ...first }),
      ...textBlock(0, 'Warm.'),
      ...messageEnd('end_turn', { output_tokens: 5, ...last }),
    ])
    gateway.answerWith(answer, answer)
    const translated = await gateway.ask('chat', { model: CLAUDE, ...streamed })
    expect(readChat(translated.text).usage).toMatchObject({
      prompt_tokens: 60,
      prompt_tokens_details: { cached_tokens: 30 },
      total_tokens: 65,
    })
    const relayed = await gateway.ask('messages', { model: CLAUDE, stream: true, max_tokens: 900, messages })
    for (const { headers } of [translated, relayed]) {
      const receipt = await gateway.app.readReceipt(gateway.caller.apiKey, headers.get('x-request-id')!)
      expect(receipt.usage).toMatchObject({
        input_tokens: 60,
        cache_read_tokens: 30,
        cache_write_tokens: 20,
        output_tokens: 5,
      })
    }
  },
)

test('25. 382 thought tokens of Gemini are part of the completion, and prompt and completion are the total (any-llm#1291)', async () => {
  const usageMetadata = {
    promptTokenCount: 9,
    candidatesTokenCount: 100,
    thoughtsTokenCount: 382,
    totalTokenCount: 491,
  }
  gateway.answerWith(geminiStream([candidate([{ text: 'Warm.' }], 'STOP', { usageMetadata })]))
  const { text } = await gateway.ask('chat', { model: 'gemini-2.5-flash', ...streamed })
  expect(readChat(text).usage).toMatchObject({
    prompt_tokens: 9,
    completion_tokens: 482,
    completion_tokens_details: { reasoning_tokens: 382 },
    total_tokens: 491,
  })
})

test('26. an Anthropic call without arguments and deltas gives a Chat client {} exactly once (Switchyard#784, Router-Maestro#162)', async () => {
  gateway.answerWith(
    anthropicStream([messageStart(), ...callBlock(0, 'toolu_1', 'get_weather'), ...messageEnd('tool_use')]),
  )
  const { text } = await gateway.ask('chat', { model: CLAUDE, ...streamed, tools: chatTools })
  expect(readChat(text).calls).toEqual([{ id: 'toolu_1', name: 'get_weather', arguments: '{}' }])
})

test('26. a Chat call without arguments and deltas gives an Anthropic client an empty input once (Switchyard#784, Router-Maestro#162)', async () => {
  gateway.answerWith(
    chatStream([
      callChunk({ index: 0, id: 'a', type: 'function', function: { name: 'get_weather' } }),
      chunk({}, 'tool_calls'),
      usageChunk(),
    ]),
  )
  const body = {
    model: 'conservative-like/llama-3.3-70b',
    stream: true,
    max_tokens: 900,
    messages,
    tools: messagesTools,
  }
  const { text } = await gateway.ask('messages', body)
  const { content, events } = readAnthropic(text)
  expect(content).toEqual([{ type: 'tool_use', id: 'a', name: 'get_weather', input: {} }])
  const pieces = events.flatMap(({ delta }) => delta?.partial_json ?? [])
  expect(['', '{}']).toContain(pieces.join(''))
})

test('26. an Anthropic call without arguments and deltas gives a Responses client {} exactly once (Switchyard#784, Router-Maestro#162)', async () => {
  gateway.answerWith(
    anthropicStream([messageStart(), ...callBlock(0, 'toolu_1', 'get_weather'), ...messageEnd('tool_use')]),
  )
  const body = { model: CLAUDE, stream: true, store: false, input: messages, tools: responsesTools }
  const { text } = await gateway.ask('responses', body)
  const { output, events } = readResponses(text)
  expect(output).toMatchObject([{ type: 'function_call', arguments: '{}' }])
  const pieces = events.filter(({ type }) => type === 'response.function_call_arguments.delta')
  expect(pieces.map(({ delta }) => delta).join('')).toBe('{}')
})

test('27. the full input in content_block_start, without a delta, is what the call is made with (pi#2593)', async () => {
  const call = { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Paris' } }
  gateway.answerWith(anthropicStream([messageStart(), ...block(0, call), ...messageEnd('tool_use')]))
  const { text } = await gateway.ask('chat', { model: CLAUDE, ...streamed, tools: chatTools })
  const [{ arguments: args }] = readChat(text).calls as [Json]
  expect(JSON.parse(args)).toEqual({ city: 'Paris' })
})
