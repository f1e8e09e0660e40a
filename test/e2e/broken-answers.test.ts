// Answers that are none: an event cut in the middle, a call the provider itself calls malformed, an error with status
// 200, an end in a word nobody knows. Every client hears of it in its own dialect, and the ledger knows who paid.
import { beforeEach, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import type { ReplayAnswer } from '../fake-provider/fake-provider.ts'
import { dataFrame, eventFrame } from '../fake-provider/wire.ts'
import { CLIENTS, useRegressionGateway, type Client } from '../support/regression-gateway.ts'
import {
  candidate,
  chunk,
  completion,
  jsonAnswer,
  message,
  messageEnd,
  messageStart,
  outputText,
  response,
  responseStart,
  streamAnswer,
  textBlock,
  usageChunk,
} from '../support/scripted-answers.ts'
import { readEvents } from '../support/dialects.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'

const gateway = useRegressionGateway()

const QUESTION = 'What is it like in Paris?'
function bodyOf(client: Client, model: string, stream = false): Json {
  const asked = { model: `${model}-${number}`, ...(stream && { stream }) }
  if (client === 'gemini') return { ...asked, contents: [{ role: 'user', parts: [{ text: QUESTION }] }] }
  if (client === 'responses') return { ...asked, store: false, input: QUESTION }
  const messages = [{ role: 'user', content: QUESTION }]
  return { ...asked, messages, ...(client === 'messages' && { max_tokens: 900 }) }
}

interface Upstream {
  /** Its clients are relayed. */
  readonly dialect: Client
  readonly model: string
  /** A stream that says "Warm" and ends well, frame by frame. */
  readonly frames: readonly string[]
  /** What one more piece of text is. */
  readonly piece: string
  whole(finish?: string): ReplayAnswer
  ending(finish: string): readonly string[]
}

const frame = (event: Json): string => eventFrame(event.type, event)
const warm = chunk({ content: 'Warm' })
const openText = responseStart().concat(
  { type: 'response.output_item.added', output_index: 0, item: { ...outputText('').content, ...outputText('') } },
  { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'Warm' },
)
const ended = (status: string): Json => ({
  type: 'response.completed',
  response: response([outputText('Warm')], { status }),
})

const UPSTREAMS: readonly Upstream[] = [
  {
    dialect: 'chat',
    model: 'conservative-like/llama-3.3-70b',
    frames: [dataFrame(warm)],
    piece: dataFrame(chunk({ content: ' and dry.' })),
    whole: (finish = 'stop') => jsonAnswer(completion({ content: 'Warm' }, finish)),
    ending: (finish) => [dataFrame(chunk({}, finish)), dataFrame(usageChunk()), 'data: [DONE]\n\n'],
  },
  {
    dialect: 'responses',
    model: 'gpt-5',
    frames: openText.map(frame),
    piece: frame({ type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: ' and dry.' }),
    whole: (finish = 'completed') => jsonAnswer(response([outputText('Warm')], { status: finish })),
    ending: (finish) => [frame(ended(finish))],
  },
  {
    dialect: 'messages',
    model: 'claude-sonnet-5',
    frames: [messageStart(), ...textBlock(0, 'Warm').slice(0, 2)].map(frame),
    piece: frame({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ' and dry.' } }),
    whole: (finish = 'end_turn') => jsonAnswer(message([{ type: 'text', text: 'Warm' }], finish)),
    ending: (finish) => [frame(textBlock(0, '').at(-1)!), ...messageEnd(finish).map(frame)],
  },
  {
    dialect: 'gemini',
    model: 'gemini-3.5-flash',
    frames: [dataFrame(candidate([{ text: 'Warm' }]))],
    piece: dataFrame(candidate([{ text: ' and dry.' }])),
    whole: (finish = 'STOP') => jsonAnswer(candidate([{ text: 'Warm' }], finish)),
    ending: (finish) => [dataFrame(candidate([{ text: '.' }], finish))],
  },
]

const isRelayed = (client: Client, { dialect }: Upstream): boolean => client === 'chat' && dialect === 'responses'

const translated = UPSTREAMS.flatMap((upstream) =>
  // OpenAI itself is asked in Chat where the client speaks it.
  CLIENTS.filter((client) => client !== upstream.dialect && !isRelayed(client, upstream)).map(
    (client) => [upstream.dialect, client, upstream] as const,
  ),
)

const ERRORS: Readonly<Record<Client, Json>> = {
  chat: { error: { message: expect.any(String), code: expect.any(String) } },
  responses: { type: 'response.failed', response: { status: 'failed', error: { code: expect.any(String) } } },
  messages: { type: 'error', error: { type: expect.any(String), message: expect.any(String) } },
  gemini: { error: { code: expect.any(Number), status: expect.any(String) } },
}

// What one answer does to a key or a model is not the next one's business.
let caller: Caller
let number = 0
beforeEach(async () => {
  number++
  caller = await gateway.app.createCaller({ keys: freshKeys() })
})

const freshKeys = (): Record<string, string> =>
  Object.fromEntries((['openai', 'anthropic', 'google'] as const).map((id) => [id, createFakeKey(id)]))

type Heard = Pick<Reply, 'status' | 'headers' | 'text'>

const receiptOf = (reply: Pick<Reply, 'headers'>): Promise<Json> =>
  gateway.app.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)

/** What a client hears that has read the beginning before the rest is sent. */
async function readAlong(
  client: Client,
  model: string,
  begun: readonly string[],
  rest: readonly string[],
): Promise<Heard> {
  const read = Promise.withResolvers<void>()
  const beginning = begun.join('')
  const whole = streamAnswer(beginning + rest.join(''))
  gateway.answerWith({ ...whole, cuts: [Buffer.byteLength(beginning)], pause: () => read.promise })
  const stream = await gateway.open(client, bodyOf(client, model, true), { caller })
  await stream.until((text) => text.includes('Warm'))
  read.resolve()
  const { text } = await stream.end()
  const { statusCode: status = 0, headers } = stream.response
  return { status, headers: new Headers({ 'x-request-id': String(headers['x-request-id']) }), text }
}

function expectBroken(client: Client, reply: Heard): void {
  expect(reply.status).toBe(200)
  expect(reply.text).toContain('Warm')
  const events = readEvents(reply.text)
  expect(events.at(-1)).toMatchObject(ERRORS[client])
  expect(reply.text).not.toMatch(/\[DONE\]|message_stop|response\.completed|"finishReason"|"finish_reason":"/)
}

describe.each(translated)('a stream of %s told to a client of %s', (_from, client, upstream) => {
  const { model, frames, piece, ending } = upstream
  const last: Readonly<Record<Client, string>> = {
    chat: 'stop',
    responses: 'completed',
    messages: 'end_turn',
    gemini: 'STOP',
  }
  const rest = ending(last[upstream.dialect])

  test('ends in an error where an event is cut, though more comes behind it; who paid is known', async () => {
    const reply = await readAlong(client, model, frames, [`${piece.trimEnd().slice(0, -9)}\n\n`, ...rest])
    expectBroken(client, reply)
    const receipt = await receiptOf(reply)
    expect(receipt).toMatchObject({ attempts: [{ outcome: 'broken' }], cost: { source: expect.any(String) } })
    expect(receipt.billed_to).toBe(upstream.dialect === 'chat' ? 'server' : 'user')
    expect(receipt.usage.input_tokens).toBeGreaterThan(0)
    expect(receipt.usage.output_tokens).toBeGreaterThan(0)
    // Anthropic and Google tell the prompt's tokens at once.
    if (upstream.dialect === 'messages' || upstream.dialect === 'gemini') expect(receipt.usage.input_tokens).toBe(9)
  })

  test('is a 502 where its first event is cut', async () => {
    gateway.answerWith(streamAnswer([frames[0]!.trimEnd().slice(0, -9), '\n\n', ...frames.slice(1), ...rest].join('')))
    const reply = await gateway.ask(client, bodyOf(client, model, true), { caller })
    expect([reply.status, reply.headers.get('x-uniroute-error-source')]).toEqual([502, 'upstream'])
    expect(reply.headers.get('content-type')).toMatch(/^application\/json/)
  })

  test('warns of an end nobody knows in the receipt, where the client has read along', async () => {
    if (upstream.dialect === 'responses') return
    const reply = await readAlong(client, model, frames, ending('brand_new'))
    expect([reply.status, readEvents(reply.text).at(-1)?.error]).toEqual([200, undefined])
    expect((await receiptOf(reply)).warnings.join(';')).toContain('finish_reason')
  })

  test('a whole answer whose end nobody knows is a plain one with a warning, and a 400 in strict mode', async () => {
    gateway.answerWith(upstream.whole('brand_new'), upstream.whole('brand_new'))
    const reply = await gateway.ask(client, bodyOf(client, model), { caller })
    expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('Warm')])
    expect(reply.headers.get('x-uniroute-warnings')).toMatch(/approx=(?:\w+,)*finish_reason/)
    const strict = await gateway.ask(client, bodyOf(client, model), {
      caller,
      headers: { 'x-uniroute-strict': 'true' },
    })
    expect([strict.status, strict.text]).toEqual([400, expect.stringContaining('finish_reason')])
    const receipt = await receiptOf(strict)
    expect(receipt.usage).toMatchObject({ input_tokens: 9, output_tokens: expect.any(Number) })
  })
})

const MALFORMED = ['MALFORMED_FUNCTION_CALL', 'MALFORMED_RESPONSE', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS']
describe.each(CLIENTS.filter((client) => client !== 'gemini'))(
  'a malformed call of Gemini, to a client of %s',
  (client) => {
    test.each(MALFORMED)('%s is a 502 where nothing came before it', async (reason) => {
      for (const stream of [false, true]) {
        const nothing = candidate([], reason)
        gateway.answerWith(stream ? streamAnswer(dataFrame(nothing)) : jsonAnswer(nothing))
        const reply = await gateway.ask(client, bodyOf(client, 'gemini-3.5-flash', stream), { caller })
        expect([stream, reply.status]).toEqual([stream, 502])
        expect((await receiptOf(reply)).attempts).toMatchObject([{ outcome: 'malformed' }])
      }
    })

    test('behind text it is an error event', async () => {
      const said = dataFrame(candidate([{ text: 'Warm' }]))
      const reply = await readAlong(client, 'gemini-3.5-flash', [said], [dataFrame(candidate([], MALFORMED[0]))])
      expectBroken(client, reply)
      expect((await receiptOf(reply)).attempts).toMatchObject([{ outcome: 'broken' }])
    })
  },
)

describe('an error with status 200', () => {
  const limited: Readonly<Record<Client, Json>> = {
    chat: { error: { message: 'Slow down', code: 429 } },
    responses: { error: { message: 'Slow down', type: 'x', code: 'rate_limit_exceeded' } },
    messages: { type: 'error', error: { type: 'rate_limit_error', message: 'Slow down' } },
    gemini: { error: { code: 429, message: 'Slow down', status: 'RESOURCE_EXHAUSTED' } },
  }
  const refused: Readonly<Record<Client, Json>> = {
    chat: { error: { message: 'The tide is out', type: 'invalid_request_error', code: null } },
    responses: { error: { message: 'The tide is out', type: 'invalid_request_error', code: null } },
    messages: { type: 'error', error: { type: 'invalid_request_error', message: 'The tide is out' } },
    gemini: { error: { code: 400, message: 'The tide is out', status: 'INVALID_ARGUMENT' } },
  }
  const all = UPSTREAMS.flatMap((upstream) =>
    CLIENTS.filter((client) => !isRelayed(client, upstream)).map(
      (client) => [upstream.dialect, client, upstream] as const,
    ),
  )

  test.each(all)(
    'of %s is a refusal to a client of %s, with the provider’s words where the request is at fault',
    async (dialect, client, { model }) => {
      gateway.answerWith(jsonAnswer(refused[dialect]))
      const reply = await gateway.ask(client, bodyOf(client, model), { caller })
      expect([reply.status, reply.text]).toEqual([400, expect.stringContaining('The tide is out')])
      expect(reply.headers.get('x-uniroute-error-source')).toBe('upstream')
      const receipt = await receiptOf(reply)
      expect(receipt.attempts).toMatchObject([{ outcome: 'refused', status: 400 }])
      expect(receipt.cost.usd_micros).toBe(0)
      // In the same dialect as the provider wrote it.
      if (client === dialect) expect(reply.body).toEqual(refused[dialect])
    },
  )

  test.each(all)('of %s that is a rate limit is one to a client of %s', async (dialect, client, { model }) => {
    gateway.answerWith(jsonAnswer(limited[dialect]))
    const reply = await gateway.ask(client, bodyOf(client, model), { caller })
    expect([reply.status, reply.headers.get('retry-after') !== null]).toEqual([429, true])
  })

  test.each(all.filter(([dialect, client]) => dialect !== client))(
    'the first event of a stream of %s tells a client of %s the provider’s own words',
    async (dialect, client, { model }) => {
      const error = refused[dialect]
      const event = dialect === 'responses' ? { ...error.error, type: 'error', code: 'invalid_prompt' } : error
      gateway.answerWith(streamAnswer(event.type ? frame(event) : dataFrame(event)))
      const reply = await gateway.ask(client, bodyOf(client, model, true), { caller })
      expect([reply.status, reply.text]).toEqual([400, expect.stringContaining('The tide is out')])
    },
  )

  test('a response that failed goes on in its own dialect, and is no success', async () => {
    const failed = response([], { status: 'failed', error: { code: 'server_error', message: 'The tide is out' } })
    gateway.answerWith(jsonAnswer(failed), jsonAnswer(failed), jsonAnswer(failed))
    const reply = await gateway.ask('responses', bodyOf('responses', 'gpt-5'), { caller })
    expect([reply.status, reply.body]).toEqual([200, failed])
    expect((await receiptOf(reply)).attempts).toMatchObject([{ outcome: 'broken' }])
    expect((await gateway.ask('messages', bodyOf('messages', 'gpt-5'), { caller })).status).toBe(503)
  })
})
