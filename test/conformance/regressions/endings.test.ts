// How answers end: the client's word for it, in every dialect, and never a plain stop where something else happened.
import { expect, test } from 'vitest'
import type { ReplayAnswer } from '../../fake-provider/fake-provider.ts'
import { useRegressionGateway, type Client } from '../../support/regression-gateway.ts'
import {
  anthropicStream,
  callBlock,
  callChunk,
  candidate,
  chatStream,
  chunk,
  completion,
  geminiCall,
  geminiStream,
  jsonAnswer,
  message,
  messageEnd,
  messageStart,
  textBlock,
  usageChunk,
} from '../../support/scripted-answers.ts'
import { readAnthropic, readChat, readGemini, readResponses } from '../../support/strict-readers.ts'
import type { Json } from '../../support/uniroute-client.ts'
import { chatCall, chatTools, messagesTools, parameters, responsesTools, toolUse } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const QUESTION = 'What is it like in Paris?'
const BODIES: Record<Client, Json> = {
  chat: { messages: [{ role: 'user', content: QUESTION }], tools: chatTools },
  responses: { input: QUESTION, store: false, tools: responsesTools },
  messages: { max_tokens: 900, messages: [{ role: 'user', content: QUESTION }], tools: messagesTools },
  gemini: {
    contents: [{ role: 'user', parts: [{ text: QUESTION }] }],
    tools: [{ functionDeclarations: [{ name: 'get_weather', parametersJsonSchema: parameters }] }],
  },
}

interface Ended {
  /** The dialect's word. */
  readonly word: string
  readonly calls: number
  readonly text: string
  readonly warnings: string | null
}

/** One call, streamed and whole, that the provider answers so; how it ended for the client, the same both ways. */
async function endOf(client: Client, model: string, streamed: ReplayAnswer, whole: ReplayAnswer): Promise<Ended> {
  gateway.answerWith(streamed, whole)
  const [fromStream, fromWhole] = [
    await gateway.ask(client, { model, stream: true, ...BODIES[client] }),
    await gateway.ask(client, { model, ...BODIES[client] }),
  ]
  const read = { chat: endOfChat, responses: endOfResponses, messages: endOfMessages, gemini: endOfGemini }[client]
  const ended = read(fromWhole.body, null)
  expect(read(null, fromStream.text)).toEqual(ended)
  return { ...ended, warnings: fromWhole.headers.get('x-uniroute-warnings') }
}

type Read = Omit<Ended, 'warnings'>

function endOfChat(body: Json, stream: string | null): Read {
  if (stream !== null) {
    const { finish, calls, content } = readChat(stream)
    return { word: finish, calls: calls.length, text: content }
  }
  const [{ finish_reason: word, message: said }] = body.choices
  return { word, calls: said.tool_calls?.length ?? 0, text: said.content ?? '' }
}

function endOfResponses(body: Json, stream: string | null): Read {
  const answer = stream === null ? body : readResponses(stream).response
  const { status, incomplete_details: details, output } = answer
  const parts: Json[] = output.flatMap((item: Json) => item.content ?? [])
  const refused = parts.some(({ type }) => type === 'refusal')
  return {
    word: [status, details?.reason, refused && 'refusal'].filter(Boolean).join(' '),
    calls: output.filter(({ type }: Json) => type === 'function_call').length,
    text: parts.map(({ text }) => text ?? '').join(''),
  }
}

function endOfMessages(body: Json, stream: string | null): Read {
  const read = stream === null ? null : readAnthropic(stream)
  const content: Json[] = read?.content ?? body.content
  return {
    word: read ? read.stop.stop_reason : body.stop_reason,
    calls: content.filter(({ type }) => type === 'tool_use').length,
    text: content.map(({ text }) => text ?? '').join(''),
  }
}

function endOfGemini(body: Json, stream: string | null): Read {
  const { parts, last } =
    stream === null ? { parts: body.candidates[0].content?.parts ?? [], last: body } : readGemini(stream)
  return {
    word: last.candidates[0].finishReason,
    calls: parts.filter((part: Json) => part.functionCall).length,
    text: parts.map(({ text }: Json) => text ?? '').join(''),
  }
}

test.each<[Client, string]>([
  ['responses', 'completed'],
  ['messages', 'tool_use'],
  ['gemini', 'STOP'],
])(
  '19. a call whose Chat server says "stop" is told to a client of %s as %s (litellm#21041, weave-os/router#250)',
  async (client, word) => {
    const ended = await endOf(
      client,
      'vllm-like/glm-4.6',
      chatStream([callChunk({ index: 0, ...chatCall('call_1') }), chunk({}, 'stop'), usageChunk()]),
      jsonAnswer(completion({ tool_calls: [chatCall('call_1')] }, 'stop')),
    )
    expect(ended).toMatchObject({ word, calls: 1 })
  },
)

test('19. a call beside which Anthropic says "end_turn" is told to Chat as tool_calls (litellm#21041, weave-os/router#250)', async () => {
  const ended = await endOf(
    'chat',
    'claude-sonnet-5',
    anthropicStream([messageStart(), ...callBlock(0, 'toolu_1', 'get_weather', '{}'), ...messageEnd('end_turn')]),
    jsonAnswer(message([toolUse('toolu_1')], 'end_turn')),
  )
  expect(ended).toMatchObject({ word: 'tool_calls', calls: 1 })
})

test.each<[Client, string]>([
  ['chat', 'length'],
  ['responses', 'incomplete max_output_tokens'],
  ['messages', 'max_tokens'],
])(
  '20. MAX_TOKENS beside a Gemini call stays a cut for a client of %s: %s (hermes-agent#43478)',
  async (client, word) => {
    const cut = candidate([geminiCall('get_weather', { city: 'Paris' })], 'MAX_TOKENS')
    const ended = await endOf(client, 'gemini-2.5-flash', geminiStream([cut]), jsonAnswer(cut))
    expect(ended).toMatchObject({ word, calls: 1 })
  },
)

const ENDINGS: [string, Client, string][] = [
  ['refusal', 'chat', 'content_filter'],
  ['refusal', 'responses', 'completed refusal'],
  ['refusal', 'gemini', 'SAFETY'],
  ['model_context_window_exceeded', 'chat', 'length'],
  ['model_context_window_exceeded', 'responses', 'incomplete max_output_tokens'],
  ['model_context_window_exceeded', 'gemini', 'MAX_TOKENS'],
]
test.each(ENDINGS)(
  "21. Anthropic's %s is told to a client of %s as %s (laravel/ai#881, agenc-core#2111)",
  async (reason, client, word) => {
    const ended = await endOf(
      client,
      'claude-sonnet-5',
      anthropicStream([messageStart(), ...textBlock(0, 'I'), ...messageEnd(reason)]),
      jsonAnswer(message([{ type: 'text', text: 'I' }], reason)),
    )
    expect(ended).toMatchObject({
      word,
      text: client === 'responses' && reason === 'refusal' ? expect.any(String) : 'I',
    })
  },
)

test.each<[Client, string]>([
  ['chat', 'stop'],
  ['responses', 'completed'],
  ['gemini', 'STOP'],
])(
  "21. Anthropic's pause_turn is told to a client of %s as %s with a warning (laravel/ai#881, agenc-core#2111)",
  async (client, word) => {
    const ended = await endOf(
      client,
      'claude-sonnet-5',
      anthropicStream([messageStart(), ...textBlock(0, 'I'), ...messageEnd('pause_turn')]),
      jsonAnswer(message([{ type: 'text', text: 'I' }], 'pause_turn')),
    )
    expect(ended).toMatchObject({ word, text: 'I', warnings: expect.stringMatching(/^(?:dropped|approx)=/) })
  },
)

test.each<[Client, string]>([
  ['chat', 'content_filter'],
  ['responses', 'incomplete content_filter'],
  ['messages', 'refusal'],
])(
  '22. a prompt that Gemini blocks is an answer with a reason for a client of %s: %s (llm-gemini#80, hermes-agent#53610)',
  async (client, word) => {
    const blocked = {
      promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
      usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
      modelVersion: 'gemini-served',
    }
    const ended = await endOf(client, 'gemini-2.5-flash', geminiStream([blocked]), jsonAnswer(blocked))
    expect(ended).toMatchObject({ word, calls: 0 })
  },
)
