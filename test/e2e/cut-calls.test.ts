// Calls whose arguments are cut: no client of any dialect hears of them as good calls, streamed or whole, unless the
// answer says that it was cut short, or its dialect leaves it to the client to read arguments.
import { describe, expect, test } from 'vitest'
import type { ReplayAnswer } from '../fake-provider/fake-provider.ts'
import { CLIENTS, useRegressionGateway, type Client } from '../support/regression-gateway.ts'
import {
  anthropicStream,
  callBlock,
  callChunk,
  chatFrames,
  chatStream,
  chunk,
  completion,
  functionCall,
  jsonAnswer,
  message,
  messageEnd,
  messageStart,
  response,
  responsesStream,
  responseStart,
  streamAnswer,
  textBlock,
  usageChunk,
} from '../support/scripted-answers.ts'
import { readEvents } from '../support/dialects.ts'
import type { Json, Reply } from '../support/uniroute-client.ts'

const gateway = useRegressionGateway()

const CUT = '{"path":"notes.txt","content":"the first half'
const call = { id: 'call_1', type: 'function', function: { name: 'write_file', arguments: CUT } }
const parameters = { type: 'object', properties: { path: { type: 'string' }, content: { type: 'string' } } }

function bodyOf(client: Client, model: string): Json {
  const text = 'Write it down.'
  const name = 'write_file'
  switch (client) {
    case 'gemini':
      return {
        model,
        contents: [{ role: 'user', parts: [{ text }] }],
        tools: [{ functionDeclarations: [{ name, parametersJsonSchema: parameters }] }],
      }
    case 'responses':
      return { model, store: false, input: text, tools: [{ type: 'function', name, parameters }] }
    case 'messages':
      return {
        model,
        max_tokens: 900,
        messages: [{ role: 'user', content: text }],
        tools: [{ name, input_schema: parameters }],
      }
    // As Cursor writes it, so that it is translated to a server of its own dialect too.
    case 'chat':
      return { model, input: text, tools: [{ type: 'function', name, parameters }] }
  }
}

let number = 0
async function ask(client: Client, model: string, answer: ReplayAnswer, stream: boolean): Promise<Reply> {
  gateway.answerWith(answer)
  // What one answer does to a model is not the next one's business.
  return gateway.ask(client, { ...bodyOf(client, `${model}-${++number}`), ...(stream && { stream }) })
}

const ERRORS: Readonly<Record<Client, Json>> = {
  chat: { error: { message: expect.any(String), code: expect.any(String) } },
  responses: { type: 'response.failed', response: { status: 'failed', error: { code: expect.any(String) } } },
  messages: { type: 'error', error: { type: expect.any(String), message: expect.any(String) } },
  gemini: { error: { code: expect.any(Number), status: expect.any(String) } },
}
const ENDS =
  /\[DONE\]|message_stop|"tool_use","stop|response\.completed|"finishReason"|"finish_reason":"|output_item\.done|content_block_stop[^]*input_json/

/** A stream ends in the dialect's error, or is a 502 where nothing of it was sent yet. */
function expectError(client: Client, reply: Reply): void {
  if (reply.status !== 200) return expect([client, reply.status]).toEqual([client, 502])
  expect(readEvents(reply.text).at(-1)).toMatchObject(ERRORS[client])
  expect(reply.text).not.toMatch(ENDS)
}

async function expectBroken(client: Client, model: string, streamed: ReplayAnswer, whole: ReplayAnswer): Promise<void> {
  expectError(client, await ask(client, model, streamed, true))
  expectError(client, await ask(client, model, inPieces(streamed), true))
  expect([client, (await ask(client, model, streamed, false)).status]).toEqual([client, 502])
  expect([client, (await ask(client, model, whole, false)).status]).toEqual([client, 502])
  expect([client, (await ask(client, model, whole, true)).status]).toEqual([client, 502])
}

// Cut behind the first arguments, so that these are sent before the end is known.
const inPieces = (answer: ReplayAnswer): ReplayAnswer => ({
  ...answer,
  cuts: [answer.body.indexOf('\n\n', answer.body.indexOf('notes.txt')) + 2],
})

const SERVER = 'ollama-like/llama-3.3-70b'

describe('a server that says [DONE] without a finish reason while a call is cut', () => {
  test.each(CLIENTS)('is a broken stream to a client of %s, and a whole answer without one a 502', async (client) => {
    const pieces = [callChunk({ index: 0, ...call }), usageChunk()]
    const whole = completion({ tool_calls: [call] }, 'x')
    whole.choices[0].finish_reason = null
    await expectBroken(client, SERVER, chatStream(pieces), jsonAnswer(whole))
  })

  test.each(CLIENTS)('is a broken stream to a client of %s where only the call was announced', async (client) => {
    const announced = { index: 0, ...call, function: { name: 'write_file', arguments: '' } }
    const reply = await ask(client, SERVER, streamAnswer(chatFrames([callChunk(announced), '[DONE]'])), true)
    expectError(client, reply)
  })
})

interface Ended {
  readonly from: Client
  readonly model: string
  readonly good: readonly [streamed: ReplayAnswer, whole: ReplayAnswer]
  readonly length: readonly [streamed: ReplayAnswer, whole: ReplayAnswer]
}

const chatEnd = (word: string): Ended['good'] => [
  chatStream([callChunk({ index: 0, ...call }), chunk({}, word), usageChunk()]),
  jsonAnswer(completion({ tool_calls: [call] }, word)),
]
const messagesEnd = (word: string): ReplayAnswer =>
  anthropicStream([messageStart(), ...callBlock(0, 'toolu_1', 'write_file', CUT), ...messageEnd(word)])
const item = functionCall('call_1', 'write_file', CUT)
const responsesEnd = (status: string, more: Json = {}): Ended['good'] => {
  const whole = response([item], { status, ...more })
  return [
    responsesStream([
      ...responseStart(),
      { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } },
      { type: 'response.function_call_arguments.delta', output_index: 0, item_id: item.id, delta: CUT },
      { type: 'response.output_item.done', output_index: 0, item },
      { type: `response.${status}`, response: whole },
    ]),
    jsonAnswer(whole),
  ]
}
// Anthropic's own whole answers hold objects, so half of one can only be streamed.
const textOnly = jsonAnswer(message([{ type: 'text', text: 'x' }], 'end_turn'))

const UPSTREAMS: readonly Ended[] = [
  { from: 'chat', model: SERVER, good: chatEnd('tool_calls'), length: chatEnd('length') },
  {
    from: 'messages',
    model: 'claude-sonnet-5',
    good: [messagesEnd('tool_use'), textOnly],
    length: [messagesEnd('max_tokens'), textOnly],
  },
  {
    from: 'responses',
    model: 'gpt-5',
    good: responsesEnd('completed'),
    length: responsesEnd('incomplete', { incomplete_details: { reason: 'max_output_tokens' } }),
  },
]
const pairs = (clients: readonly Client[]) =>
  UPSTREAMS.flatMap((upstream) =>
    clients
      .filter((client) => client !== upstream.from && !(client === 'chat' && upstream.from === 'responses'))
      .map((client) => [upstream.from, client, upstream] as const),
  )

test.each(pairs(['messages', 'gemini']))(
  'a cut call of %s with a good ending is a broken answer to a client of %s',
  async (from, client, { model, good }) => {
    const [streamed, whole] = good
    await expectBroken(client, model, streamed, from === 'messages' ? streamed : whole)
  },
)

test.each(pairs(['chat', 'responses']))(
  'a cut call of %s with a good ending goes on as text to a client of %s, who reads it itself',
  async (from, client, { model, good }) => {
    for (const [at, answer] of good.entries()) {
      if (from === 'messages' && at === 1) continue
      for (const stream of [true, false]) {
        const reply = await ask(client, model, answer, stream)
        expect([reply.status, reply.text]).toEqual([200, expect.stringContaining(JSON.stringify(CUT).slice(1, -1))])
      }
    }
  },
)

test.each(pairs(CLIENTS))(
  'a cut call of %s in an answer that reached its limit stays so for a client of %s',
  async (_from, client, { model, length }) => {
    const words = { chat: '"length"', responses: 'max_output_tokens', messages: 'max_tokens', gemini: 'MAX_TOKENS' }
    for (const stream of [true, false]) {
      const reply = await ask(client, model, length[0], stream)
      expect([reply.status, reply.text]).toEqual([200, expect.stringContaining(words[client])])
    }
  },
)

test('text before a cut call has been said', async () => {
  const events = [messageStart(), ...textBlock(0, 'Warm'), ...callBlock(1, 'toolu_1', 'write_file', CUT)]
  const answer = inPieces(anthropicStream([...events, ...messageEnd('tool_use')]))
  const reply = await ask('gemini', 'claude-sonnet-5', answer, true)
  expectError('gemini', reply)
  if (reply.status === 200) expect(reply.text).toContain('Warm')
  expect(reply.text).not.toContain('functionCall')
})
