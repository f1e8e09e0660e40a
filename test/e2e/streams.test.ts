// Streams pass byte for byte however they are cut; a client that leaves stops the provider's work; a broken stream ends
// in the dialect's own error event and never looks complete.
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS, readEvents, type Dialect } from '../support/dialects.ts'
import { openStream } from '../support/open-stream.ts'
import type { Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

let fake: FakeProvider
let uniroute: UniRoute
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(fake?.violations() ?? []).toEqual([])
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const DIALECTS = CHAT_DIALECTS.map((dialect) => [dialect.name, dialect] as const)

async function streamWith(dialect: Dialect, scenario: string, text = 'hello') {
  const key = createFakeKey(dialect.vendor, scenario)
  const caller = await uniroute.createCaller({ keys: { [dialect.vendor]: key }, accountFallback: 'never' })
  const stream = await openStream(
    uniroute.url + dialect.path(dialect.model, true),
    dialect.auth(caller.apiKey),
    dialect.body(text, dialect.model, true),
  )
  return { key, caller, stream }
}

const TERMINAL: Record<string, RegExp> = {
  'openai-chat': /\[DONE\]|"finish_reason":"stop"/,
  'openai-responses': /response\.completed/,
  'anthropic-messages': /message_stop|end_turn/,
  gemini: /"finishReason"/,
}

/** The dialect's own error event, last, and nothing that claims success. */
function expectBrokenEnding(dialect: Dialect, text: string): void {
  expect(text).not.toMatch(TERMINAL[dialect.name]!)
  const last = readEvents(text).at(-1)
  if (dialect.name === 'openai-chat') expect(last.error).toMatchObject({ message: expect.any(String), param: null })
  else if (dialect.name === 'openai-responses') {
    expect(last.type).toBe('response.failed')
    expect(last.response.error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
    expect(Number.isInteger(last.sequence_number)).toBe(true)
  } else if (dialect.name === 'anthropic-messages') {
    expect(last).toMatchObject({ type: 'error', error: { type: expect.any(String), message: expect.any(String) } })
    expect(text).toMatch(/event: error\n/)
  } else expect(last.error).toMatchObject({ code: 503, message: expect.any(String), status: expect.any(String) })
}

describe.each(DIALECTS)('%s', (_name, dialect) => {
  test.each(['ok', 'split', 'drip', 'crlf', 'comments', 'big64'])(
    '%s: complete, and headers for streaming',
    async (scenario) => {
      const { stream, caller } = await streamWith(dialect, scenario)
      const { text, broken } = await stream.end()
      expect(broken).toBe(false)
      expect(stream.response.statusCode).toBe(200)
      expect(stream.response.headers['content-type']).toMatch(/^text\/event-stream/)
      expect(stream.response.headers['cache-control']).toBe('no-cache, no-transform')
      expect(stream.response.headers['x-accel-buffering']).toBe('no')
      expect(stream.response.headers['x-uniroute-billed-to']).toBe('user')
      expect(text).toMatch(TERMINAL[dialect.name]!)
      expect(text).not.toContain('\ufffd')
      if (!scenario.startsWith('big'))
        expect(dialect.readText({ text, body: undefined })).toContain('You said: hello 🙂')
      const receipt = await uniroute.readReceipt(caller.apiKey, String(stream.response.headers['x-request-id']))
      expect(receipt).toMatchObject({ streamed: true, status: 200 })
      expect(receipt.usage.output_tokens).toBeGreaterThan(0)
      expect(receipt.usage.input_tokens).toBeGreaterThan(0)
    },
  )

  test.each(['truncate', 'reset-midstream', 'error-midstream', 'cutjson'])(
    '%s: the error event, no fake ending',
    async (scenario) => {
      const { stream, caller } = await streamWith(
        dialect,
        scenario,
        'a text that is long enough to be cut into many pieces',
      )
      const { text } = await stream.end()
      expect(stream.response.statusCode).toBe(200)
      if (scenario === 'error-midstream') {
        // The provider said so itself; its event is passed on, and nothing that claims success.
        expect(text).not.toMatch(TERMINAL[dialect.name]!)
        expect(text).toMatch(/error/)
      } else {
        expectBrokenEnding(dialect, scenario === 'cutjson' ? dropTornEvent(text) : text)
      }
      const receipt = await uniroute.readReceipt(caller.apiKey, String(stream.response.headers['x-request-id']))
      expect(receipt.attempts).toHaveLength(1)
      expect(receipt.attempts[0].outcome).not.toBe('done')
    },
  )

  test('a client who leaves in mid-stream: the provider is told, long before its own end', async () => {
    const { key, stream, caller } = await streamWith(dialect, 'slow200', 'a rather long text '.repeat(20))
    await stream.until((text) => text.length > 0)
    const call = fake.requestsOf(key)[0]!
    stream.leave()
    await call.ended
    expect(call.state).toBe('aborted')
    const receipt = await uniroute.readReceipt(caller.apiKey, String(stream.response.headers['x-request-id']))
    expect(receipt.status).toBe(499)
    expect(receipt.attempts).toHaveLength(1)
  })

  test.each([true, false])(
    'a client who leaves before the first byte (streamed: %s): aborted as well',
    async (streamed) => {
      const key = createFakeKey(dialect.vendor, 'hang')
      const caller = await uniroute.createCaller({ keys: { [dialect.vendor]: key }, accountFallback: 'never' })
      const controller = new AbortController()
      const pending = ask(uniroute, dialect, caller.apiKey, { stream: streamed, signal: controller.signal })
      pending.catch(() => undefined)
      while (fake.requestsOf(key).length === 0) await setTimeout(5)
      const call = fake.requestsOf(key)[0]!
      controller.abort()
      await call.ended
      expect(call.state).toBe('aborted')
      await expect(pending).rejects.toThrow()
    },
  )

  test('reset before the first event is an HTTP error, not a broken 200', async () => {
    const { stream } = await streamWith(dialect, 'reset')
    const { text } = await stream.end()
    expect([stream.response.statusCode, text]).toEqual([expect.toSatisfy((code) => code === 503 || code === 502), text])
    expect(stream.response.headers['content-type']).toMatch(/^application\/json/)
  })

  test('an error as the first event is an HTTP error', async () => {
    const { stream } = await streamWith(dialect, 'error-first-event')
    await stream.end()
    expect(stream.response.statusCode).toBe(dialect.vendor === 'anthropic' ? 529 : 503)
  })
})

describe('endings are events, not words', () => {
  // What the model says may look like the end of a stream; only the provider's own event is one.
  const WORDS =
    '"finish_reason":"stop"\n\ndata: [DONE]\n\nevent: message_stop\n{"type":"message_stop"} "type":"response.completed" "finishReason":"STOP"'
  const SAID: Record<string, object> = {
    'openai-chat': { id: 'chatcmpl-1', choices: [{ index: 0, delta: { content: WORDS }, finish_reason: null }] },
    'openai-responses': { type: 'response.output_text.delta', delta: WORDS, sequence_number: 3 },
    'anthropic-messages': { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: WORDS } },
    gemini: { candidates: [{ content: { role: 'model', parts: [{ text: WORDS }] }, index: 0 }] },
  }
  // A complete answer whose last event is long, with its sign of the end in the middle of it.
  const LONG = 'x'.repeat(40_000)
  const ENDED: Record<string, object> = {
    'openai-chat': {
      choices: [{ index: 0, delta: { content: LONG }, finish_reason: 'stop', logprobs: { content: [LONG] } }],
    },
    'openai-responses': { response: { id: 'resp_1', output: [LONG] }, sequence_number: 4, type: 'response.completed' },
    'anthropic-messages': { type: 'message_stop', note: LONG },
    gemini: { candidates: [{ content: { parts: [{ text: LONG }] }, finishReason: 'STOP', groundingMetadata: LONG }] },
  }
  const frame = (dialect: Dialect, data: Json): string =>
    (dialect.name === 'anthropic-messages' ? `event: ${data.type}\n` : '') + `data: ${JSON.stringify(data)}\n\n`

  /** What a client gets when the provider sends exactly this. */
  async function relay(dialect: Dialect, answer: string): Promise<string> {
    const headers = { 'content-type': 'text/event-stream' }
    const replaying = await startFakeProvider({
      replay: ({ method }) => (method === 'POST' ? { status: 200, headers, body: Buffer.from(answer) } : undefined),
    })
    const own = await startUniRoute({ fake: replaying })
    const caller = await own.createCaller({ keys: { [dialect.vendor]: createFakeKey(dialect.vendor) } })
    const { text } = await ask(own, dialect, caller.apiKey, { stream: true })
    await own.stop()
    await replaying.close()
    expect(own.scanAndRemove()).toEqual([])
    return text
  }

  test.each(DIALECTS)('%s: words that look like an ending are none', async (name, dialect) => {
    const answer = frame(dialect, SAID[name])
    const text = await relay(dialect, answer)
    expect(text.startsWith(answer)).toBe(true)
    expect(JSON.stringify(readEvents(text).at(-1))).toMatch(/"error"/)
  })

  const expectComplete = async (name: string, dialect: Dialect): Promise<void> => {
    const answer = frame(dialect, SAID[name]) + frame(dialect, ENDED[name])
    const text = await relay(dialect, answer)
    expect(text.slice(answer.length)).toBe('')
    expect(text === answer).toBe(true)
  }
  const [CHAT, ...OTHERS] = DIALECTS
  test.each(OTHERS)('%s: a very long last event ends the stream', expectComplete)
  // Known fault: without [DONE], a finish_reason deep inside a chunk of over 80 KB is overlooked. Once this test fails,
  // the fault is mended and the exception can go.
  test('openai-chat: a very long last chunk ends the stream', () => expectComplete(...CHAT!))
})

test('a compressed answer arrives decoded', async () => {
  const dialect = CHAT_DIALECTS[0]!
  const key = createFakeKey('openai', 'gzip')
  const caller = await uniroute.createCaller({ keys: { openai: key } })
  const reply = await ask(uniroute, dialect, caller.apiKey)
  expect(reply.status).toBe(200)
  expect(reply.headers.get('content-encoding')).toBeNull()
  expect(dialect.readText(reply)).toContain('You said: hello')
})

test('Gemini without alt=sse stays a JSON array', async () => {
  const caller = await uniroute.createCaller({ keys: { google: createFakeKey('google', 'split') } })
  const reply = await uniroute.call('POST', '/v1beta/models/gemini-3.5-flash:streamGenerateContent', {
    headers: { 'x-goog-api-key': caller.apiKey },
    body: CHAT_DIALECTS[3]!.body('hello', '', true),
  })
  expect(reply.status).toBe(200)
  expect(reply.body.length).toBeGreaterThan(1)
})

test('a reader who is slow receives everything', async () => {
  const { stream } = await streamWith(CHAT_DIALECTS[0]!, 'big2048')
  stream.response.pause()
  await setTimeout(1500)
  stream.response.resume()
  const { text, broken } = await stream.end()
  expect(broken).toBe(false)
  expect(text).toContain('[DONE]')
  expect(text.length).toBeGreaterThan(2_000_000)
})

/** A torn event may stand before ours; what matters is that ours parses. */
function dropTornEvent(text: string): string {
  return text
    .split(/\n\n|\r\n\r\n/)
    .filter((block) => {
      const data = /^data: ?(.*)$/m.exec(block)?.[1]
      try {
        return data === undefined || data === '[DONE]' || JSON.parse(data) !== undefined
      } catch (error) {
        if (error instanceof SyntaxError) return false
        throw error
      }
    })
    .join('\n\n')
}
