// What stands at the end of an answer that crosses: why a model refused, and what was used where the gateway itself
// ended the answer at a stop sequence.
import { expect, test } from 'vitest'
import { dataFrame } from '../fake-provider/wire.ts'
import { readEvents } from '../support/dialects.ts'
import { useRegressionGateway, type Client } from '../support/regression-gateway.ts'
import {
  anthropicStream,
  candidate,
  jsonAnswer,
  message,
  messageEnd,
  messageStart,
  outputText,
  responsesStream,
  responseStart,
  streamAnswer,
} from '../support/scripted-answers.ts'
import type { Json } from '../support/uniroute-client.ts'

const gateway = useRegressionGateway()
const receiptOf = (headers: Headers): Promise<Json> =>
  gateway.app.readReceipt(gateway.caller.apiKey, headers.get('x-request-id')!)

const WHY = 'This is about locks that are not yours.'
const stop_details = { type: 'refusal', category: 'x', explanation: WHY }

test.each<[Client, (body: Json) => unknown, (events: Json[]) => unknown]>([
  [
    'chat',
    ({ choices: [{ message, finish_reason }] }) => [message.refusal, finish_reason],
    (events) => [
      events.map(({ choices }) => choices?.[0]?.delta?.refusal ?? '').join(''),
      events.findLast(({ choices }) => choices?.[0]?.finish_reason)?.choices[0].finish_reason,
    ],
  ],
  [
    'gemini',
    ({ candidates: [{ finishMessage, finishReason }] }) => [finishMessage, finishReason],
    (events) => [events.at(-1)?.candidates[0].finishMessage, events.at(-1)?.candidates[0].finishReason],
  ],
  [
    'responses',
    ({ output, status }) => [output[0].content[0].refusal, status],
    (events) => [events.at(-1)?.response.output[0].content[0].refusal, events.at(-1)?.response.status],
  ],
])('a client of %s hears why Claude refused, whole and streamed', async (client, read, readStream) => {
  const body: Json = { model: 'claude-sonnet-5' }
  if (client === 'chat') body.messages = [{ role: 'user', content: 'how?' }]
  else if (client === 'gemini') body.contents = [{ role: 'user', parts: [{ text: 'how?' }] }]
  else Object.assign(body, { input: 'how?', store: false })
  gateway.answerWith(
    jsonAnswer(message([], 'refusal', { stop_details })),
    anthropicStream([messageStart(), ...messageEnd('refusal', undefined, { stop_details })]),
  )
  const words = { chat: 'content_filter', gemini: 'SAFETY', responses: 'completed', messages: 'refusal' }
  const whole = await gateway.ask(client, body)
  expect(read(whole.body)).toEqual([WHY, words[client]])
  const streamed = await gateway.ask(client, { ...body, stream: true })
  expect(readStream(readEvents(streamed.text))).toEqual([WHY, words[client]])
})

const TEXT = 'One. Two. STOP and on'
const asked = (model: string): Json => ({
  model,
  stream: true,
  max_tokens: 900,
  stop_sequences: ['u', 'v', 'w', 'x', 'y', 'STOP'],
  messages: [{ role: 'user', content: 'count' }],
})

test('at a stop sequence of ours the client is told what the receipt says: an estimate of the text, not of its framing', async () => {
  const padding = 'p'.repeat(4000)
  const deltas = TEXT.split(/(?<= )/).map((delta) => ({
    type: 'response.output_text.delta',
    output_index: 0,
    content_index: 0,
    delta,
    obfuscation: padding,
  }))
  const added = { type: 'response.output_item.added', output_index: 0, item: outputText('') }
  gateway.answerWith(responsesStream([...responseStart(), added, ...deltas]))
  const reply = await gateway.ask('messages', asked('gpt-5'))
  const { usage } = readEvents(reply.text).find(({ type }) => type === 'message_delta')!
  const receipt = await receiptOf(reply.headers)
  expect(usage.input_tokens).toBeGreaterThan(0)
  expect(usage.output_tokens).toBeGreaterThan(0)
  expect(usage.output_tokens).toBeLessThanOrEqual(Math.ceil(TEXT.length / 4))
  expect(receipt).toMatchObject({
    usage: { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens },
    cost: { source: 'estimated' },
  })
})

test('what the provider told before the stop sequence stays', async () => {
  const said = { promptTokenCount: 77, candidatesTokenCount: 3, totalTokenCount: 80 }
  gateway.answerWith(
    streamAnswer(
      dataFrame(candidate([{ text: 'One. ' }], undefined, { usageMetadata: said })) +
        dataFrame(candidate([{ text: 'STOP' }], undefined, { usageMetadata: said })),
    ),
  )
  const reply = await gateway.ask('messages', asked('gemini-3.5-flash'))
  const { usage, delta } = readEvents(reply.text).find(({ type }) => type === 'message_delta')!
  expect([delta.stop_reason, usage.input_tokens]).toEqual(['stop_sequence', 77])
  expect(await receiptOf(reply.headers)).toMatchObject({
    usage: { input_tokens: 77, output_tokens: usage.output_tokens },
    cost: { source: 'estimated' },
  })
})
