// Thoughts and what signs them: back to who made them as they were, to nobody else, and never as visible text.
import { expect, test } from 'vitest'
import { useRegressionGateway } from '../../support/regression-gateway.ts'
import {
  anthropicStream,
  callBlock,
  callChunk,
  candidate,
  chatStream,
  chunk,
  geminiCall,
  jsonAnswer,
  message,
  messageEnd,
  messageStart,
  thinkingBlock,
  usageChunk,
} from '../../support/scripted-answers.ts'
import { readAnthropic, readResponses } from '../../support/strict-readers.ts'
import type { Json } from '../../support/uniroute-client.ts'
import { chatCall, chatTools, messagesTools, NAMES, responsesTools, toolResult, toolUse } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const CLAUDE = 'claude-sonnet-5'
const GEMINI = 'gemini-3-pro-preview'
const question = { role: 'user', content: 'What is it like in Paris?' }
const thinking = (signature: string, text = ''): Json => ({ type: 'thinking', thinking: text, signature })

/** An assistant's Chat message as a client keeps it that knows the documented fields only. */
const withoutExtras = ({ role, content, tool_calls }: Json): Json => ({
  role,
  content,
  ...(tool_calls && {
    tool_calls: tool_calls.map(({ id, type, function: called }: Json) => ({ id, type, function: called })),
  }),
})

test('13. empty thinking with a signature is relayed to Anthropic as it is (litellm#41361)', async () => {
  const body = {
    model: CLAUDE,
    max_tokens: 900,
    thinking: { type: 'adaptive' },
    messages: [
      question,
      { role: 'assistant', content: [thinking('SIG-1'), toolUse('toolu_1')] },
      { role: 'user', content: [toolResult('toolu_1')] },
    ],
    tools: messagesTools,
  }
  gateway.answerWith(jsonAnswer(message([{ type: 'text', text: 'Warm.' }], 'end_turn')))
  await gateway.ask('messages', body)
  expect(gateway.sent()[0]!.rawBody.toString()).toBe(JSON.stringify(body))
})

test('13. empty thinking with a signature comes back to Anthropic through a Responses client (litellm#41361)', async () => {
  gateway.answerWith(
    anthropicStream([
      messageStart(),
      ...thinkingBlock(0, '', 'SIG-1'),
      ...callBlock(1, 'toolu_1', 'get_weather', '{"city":"Paris"}'),
      ...messageEnd('tool_use'),
    ]),
    jsonAnswer(message([{ type: 'text', text: 'Warm.' }], 'end_turn')),
  )
  const body = {
    model: CLAUDE,
    store: false,
    include: ['reasoning.encrypted_content'],
    reasoning: { effort: 'high' },
    tools: responsesTools,
  }
  const first = await gateway.ask('responses', { ...body, stream: true, input: [question] })
  const { output } = readResponses(first.text)
  const result = { type: 'function_call_output', call_id: output[1].call_id, output: '21 °C' }
  await gateway.ask('responses', { ...body, input: [question, ...output, result] })
  expect(gateway.lastBody().messages[1].content[0]).toEqual(thinking('SIG-1'))
})

test.each([
  ['hands everything back', (sent: Json) => sent],
  ['drops what it does not know', withoutExtras],
])(
  '14. two tool rounds through a Chat client that %s are replayed to Anthropic with signed thinking first (CLIProxyAPI#1078, dify#41092)',
  async (_what, keep) => {
    const answers = [1, 2].map((round) =>
      jsonAnswer(message([thinking(`SIG-${round}`), toolUse(`toolu_round${round}`)], 'tool_use')),
    )
    gateway.answerWith(...answers, jsonAnswer(message([{ type: 'text', text: 'Warm.' }], 'end_turn')))
    const messages: Json[] = [question]
    for (let round = 1; round <= 3; round++) {
      const { body } = await gateway.ask('chat', {
        model: CLAUDE,
        messages,
        tools: chatTools,
        reasoning_effort: 'high',
      })
      const said = keep(body.choices[0].message)
      const [call] = said.tool_calls ?? []
      messages.push(said, ...(call ? [{ role: 'tool', tool_call_id: call.id, content: '21 °C' }] : []))
    }
    expect(gateway.lastBody().messages.map(({ content }: Json) => content[0])).toEqual([
      expect.anything(),
      thinking('SIG-1'),
      expect.objectContaining({ type: 'tool_result' }),
      thinking('SIG-2'),
      expect.objectContaining({ type: 'tool_result' }),
    ])
  },
)

test('15. Anthropic thinking in a request to OpenAI becomes no text of any kind (litellm#26916)', async () => {
  const spoken = { type: 'text', text: 'I look it up.' }
  const reply = await gateway.ask('messages', {
    model: 'gpt-5',
    max_tokens: 900,
    messages: [
      question,
      { role: 'assistant', content: [thinking('EqQB', 'A secret thought.'), spoken, toolUse('toolu_1')] },
      { role: 'user', content: [toolResult('toolu_1')] },
    ],
    tools: messagesTools,
  })
  expect(reply.status).toBe(200)
  const sent = JSON.stringify(gateway.lastBody().input)
  expect(sent).not.toContain('A secret thought.')
  expect(sent).toContain('I look it up.')
})

test('15. thinking in an Anthropic answer is a Responses reasoning item, never output_text (litellm#26916)', async () => {
  gateway.answerWith(
    anthropicStream([
      messageStart(),
      ...thinkingBlock(0, 'A secret thought.', 'SIG-1'),
      ...callBlock(1, 'toolu_1', 'get_weather', '{}'),
      ...messageEnd('tool_use'),
    ]),
  )
  const { text } = await gateway.ask('responses', {
    model: CLAUDE,
    stream: true,
    store: false,
    reasoning: { effort: 'high', summary: 'auto' },
    input: [question],
    tools: responsesTools,
  })
  const { output, events } = readResponses(text)
  expect(output.map(({ type }) => type)).toEqual(['reasoning', 'function_call'])
  expect(output[0].summary).toEqual([{ type: 'summary_text', text: 'A secret thought.' }])
  expect(events.filter(({ type }) => type.startsWith('response.output_text'))).toEqual([])
})

test('16. two Gemini 3 tool rounds through a Chat client that drops extras keep their signatures (opencode#4832, Roo-Code#9499)', async () => {
  const signature = (round: number): string => Buffer.from(`signature ${round}`).toString('base64')
  const answers = [1, 2].map((round) =>
    jsonAnswer(candidate([geminiCall('get_weather', { round }, { thoughtSignature: signature(round) })], 'STOP')),
  )
  gateway.answerWith(...answers, jsonAnswer(candidate([{ text: 'Warm.' }], 'STOP')))
  const messages: Json[] = [question]
  for (let round = 1; round <= 3; round++) {
    const { body } = await gateway.ask('chat', { model: GEMINI, messages, tools: chatTools })
    const said = withoutExtras(body.choices[0].message)
    const [call] = said.tool_calls ?? []
    messages.push(said, ...(call ? [{ role: 'tool', tool_call_id: call.id, content: '21 °C' }] : []))
  }
  const calls = gateway
    .lastBody()
    .contents.flatMap(({ parts }: Json) => parts.filter((part: Json) => part.functionCall))
  expect(calls.map(({ thoughtSignature }: Json) => thoughtSignature)).toEqual([signature(1), signature(2)])
})

/** The signatures on the calls of a Gemini body, null where there is none. */
const signaturesOf = (body: Json): (string | null)[] =>
  body.contents[1].parts.map(({ thoughtSignature }: Json) => thoughtSignature ?? null)
const results = (calls: readonly Json[]): Json[] =>
  calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'well' }))

test('17. of three parallel calls that nobody signed only the first carries the sentinel to Gemini (req_llm#427)', async () => {
  const calls = NAMES.map((name, at) => chatCall(`call_unknown_${at}`, name))
  const messages = [question, { role: 'assistant', content: null, tool_calls: calls }, ...results(calls)]
  await gateway.ask('chat', { model: GEMINI, messages, tools: chatTools })
  expect(signaturesOf(gateway.lastBody())).toEqual(['skip_thought_signature_validator', null, null])
})

test('17. of three parallel calls only the first carries its signature back to Gemini (req_llm#427)', async () => {
  const parts = NAMES.map((name, at) => geminiCall(name, {}, at === 0 ? { thoughtSignature: 'U0lH' } : {}))
  gateway.answerWith(jsonAnswer(candidate(parts, 'STOP')), jsonAnswer(candidate([{ text: 'Well.' }], 'STOP')))
  const first = await gateway.ask('chat', { model: GEMINI, messages: [question], tools: chatTools })
  const said = first.body.choices[0].message
  await gateway.ask('chat', {
    model: GEMINI,
    messages: [question, said, ...results(said.tool_calls)],
    tools: chatTools,
  })
  expect(signaturesOf(gateway.lastBody())).toEqual(['U0lH', null, null])
})

test('18. a DeepSeek tool turn goes back with its reasoning_content, from an Anthropic client (Roo-Code#12195)', async () => {
  gateway.answerWith(
    chatStream([
      chunk({ reasoning_content: 'I ' }),
      chunk({ reasoning_content: 'look.' }),
      callChunk({ index: 0, ...chatCall('call_1') }),
      chunk({}, 'tool_calls'),
      usageChunk(),
    ]),
  )
  const body = {
    model: 'deepseek-like/deepseek-v4',
    max_tokens: 900,
    thinking: { type: 'adaptive' },
    tools: messagesTools,
  }
  const first = await gateway.ask('messages', { ...body, stream: true, messages: [question] })
  const { content } = readAnthropic(first.text)
  const result = toolResult(content.at(-1).id)
  const reply = await gateway.ask('messages', {
    ...body,
    messages: [question, { role: 'assistant', content }, { role: 'user', content: [result] }],
  })
  expect(reply.status).toBe(200)
  expect(gateway.lastBody().messages[1]).toMatchObject({
    role: 'assistant',
    reasoning_content: 'I look.',
    tool_calls: [{ id: 'call_1' }],
  })
})
