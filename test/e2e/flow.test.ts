// Bytes on their way through (R10, R11, R12, keep-alive): endless answers and clients that do not read cost no memory,
// a client who leaves at any event stops the provider, and silence is filled between events only.
import { once } from 'node:events'
import { type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS, expectError, type Dialect } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { clientsInstalled, loadOfficialClients } from '../support/official-clients.ts'
import { openStream } from '../support/open-stream.ts'
import { openSocket } from '../support/raw-http.ts'
import { runMany } from '../support/random.ts'
import { type Play, pour, startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import type { Caller } from '../support/uniroute-client.ts'

const MIB = 1024 * 1024
const SLOW_CLIENT_MS = 3_000
const EVENTS = { 'content-type': 'text/event-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }
const [CHAT] = CHAT_DIALECTS as readonly [Dialect]

let upstream: ScriptedUpstream
let app: InProcessApp
let caller: Caller
/** Answers of the app, in the order of the requests. */
const responses: ServerResponse[] = []
beforeAll(async () => {
  upstream = await startScriptedUpstream({ emptyModelLists: true })
  app = await startInProcess({ env: upstream.env, timers: { keepAlive: 400, slowClient: SLOW_CLIENT_MS } })
  app.app.http.server.on('request', (_request, response: ServerResponse) => void responses.push(response))
  const keys = {
    openai: createFakeKey('openai'),
    anthropic: createFakeKey('anthropic'),
    google: createFakeKey('google'),
  }
  caller = await app.createCaller({ keys, accountFallback: 'never' })
})
afterAll(async () => {
  await app?.close()
  await upstream?.close()
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const BETWEEN_LOOKS_MS = 50

/** Most bytes that buffers in use held at once while the work ran, above what they held before. */
async function measureBuffers(work: () => Promise<void>): Promise<number> {
  const held = (): number => {
    // The first leaves the buffers it found to another thread; the second waits until they are gone.
    collectGarbage()
    collectGarbage()
    return process.memoryUsage().arrayBuffers
  }
  const before = held()
  let most = 0
  // Collecting takes longer than passing a chunk on: the work gets its turn between two looks.
  const look = (): void => {
    most = Math.max(most, held() - before)
    timer = setTimeout(look, BETWEEN_LOOKS_MS)
  }
  let timer = setTimeout(look, BETWEEN_LOOKS_MS)
  await work()
  clearTimeout(timer)
  return most
}

/** Sends a request and reads the whole answer without keeping it. */
async function drain(dialect: Dialect, stream: boolean): Promise<{ status: number; bytes: number; broken: boolean }> {
  const response = await fetch(app.url + dialect.path(dialect.model, stream), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...dialect.auth(caller.apiKey) },
    body: JSON.stringify(dialect.body('x', dialect.model, stream)),
  })
  let bytes = 0
  try {
    for await (const chunk of response.body!) bytes += (chunk as Uint8Array).length
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return { status: response.status, bytes, broken: true }
  }
  return { status: response.status, bytes, broken: false }
}

/** A JSON body of so many letters, compressed; apart, so that no frame of a test holds on to the letters. */
function makeBomb(letters: number): Buffer {
  return gzipSync(Buffer.concat([Buffer.from('{"x":"'), Buffer.alloc(letters, 'x'), Buffer.from('"}')]))
}

/** Looks for twenty seconds; what was waited for is judged by the caller. */
async function waitUntil(question: () => boolean): Promise<void> {
  for (let looks = 0; looks < 1_000 && !question(); looks++) await sleep(20)
}

describe('R10: answers without an end', () => {
  const TOTAL = 128 * MIB
  /** Streams are held for 1 MiB at most, whole answers for 16 MiB; the rest are the buffers of four sockets. */
  const STREAM_BOUND = 6 * MIB
  const WHOLE_BOUND = 24 * MIB
  const LETTERS = Buffer.alloc(64 * 1024, 'x')

  const CASES: readonly [string, boolean, (response: ServerResponse) => Promise<void>][] = [
    [
      'a line before the first event',
      true,
      async (response) => {
        response.writeHead(200, EVENTS).write('data: {"choices":[{"delta":{"content":"')
        await pour(response, LETTERS, TOTAL)
        response.end('"}}]}\n\ndata: [DONE]\n\n')
      },
    ],
    [
      'a line within a stream',
      true,
      async (response) => {
        response
          .writeHead(200, EVENTS)
          .write('data: {"choices":[{"delta":{}}]}\n\ndata: {"choices":[{"delta":{"content":"')
        await pour(response, LETTERS, TOTAL)
        response.end('"}}]}\n\ndata: [DONE]\n\n')
      },
    ],
    [
      'events',
      true,
      async (response) => {
        response.writeHead(200, EVENTS)
        await pour(response, Buffer.from('data: {"choices":[{"delta":{"content":"x"}}]}\n\n'.repeat(1_000)), TOTAL)
        response.end('data: [DONE]\n\n')
      },
    ],
    [
      'comments',
      true,
      async (response) => {
        response.writeHead(200, EVENTS)
        await pour(response, Buffer.from(': processing\n\n'.repeat(4_000)), TOTAL)
        response.end('data: {"choices":[]}\n\ndata: [DONE]\n\n')
      },
    ],
    [
      'a JSON body',
      false,
      async (response) => {
        response.writeHead(200, JSON_TYPE).write('{"x":"')
        await pour(response, LETTERS, TOTAL)
        response.end('"}')
      },
    ],
  ]
  test.each(CASES)('%s: passed on in bounded memory', async (_what, stream, play) => {
    upstream.play = play
    let drained = { status: 0, bytes: 0, broken: true }
    const most = await measureBuffers(async () => void (drained = await drain(CHAT, stream)))
    expect(drained).toMatchObject({ status: 200, broken: false })
    expect(drained.bytes).toBeGreaterThanOrEqual(TOTAL)
    expect(most).toBeLessThan(stream ? STREAM_BOUND : WHOLE_BOUND)
  })

  test.each([503, 401, 400])('an error of %i: judged by its status, and cut off', async (status) => {
    let sent = 0
    const ended = Promise.withResolvers<void>()
    upstream.play = async (response) => {
      response.writeHead(status, JSON_TYPE).write('{"error":{"message":"')
      sent = await pour(response, LETTERS, TOTAL)
      ended.resolve()
    }
    const own = await app.createCaller({ keys: { openai: createFakeKey('openai') }, accountFallback: 'never' })
    const reply = await ask(app, CHAT, own.apiKey, { headers: { 'x-stainless-retry-count': '1' } })
    await ended.promise
    expect(sent).toBeLessThan(TOTAL / 4)
    expectError('openai', reply, { status: { 503: 503, 401: 424, 400: 400 }[status]!, source: 'upstream' })
  })

  test('a little gzip that is a lot of JSON', async () => {
    const bomb = makeBomb(TOTAL)
    expect(bomb.length).toBeLessThan(MIB)
    upstream.play = (response) => void response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' }).end(bomb)
    let drained = { status: 0, bytes: 0, broken: true }
    const most = await measureBuffers(async () => void (drained = await drain(CHAT, false)))
    expect(drained).toMatchObject({ status: 200, bytes: TOTAL + 8, broken: false })
    expect(most).toBeLessThan(WHOLE_BOUND)
  })
})

describe('R12: clients that do not read', () => {
  const open: Socket[] = []
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy()
  })

  async function callWithoutReading(stream: boolean): Promise<Socket> {
    const body = JSON.stringify(CHAT.body('x', CHAT.model, stream))
    const socket = await openSocket(app.port)
    socket.pause()
    open.push(socket)
    const head = [
      'POST /v1/chat/completions HTTP/1.1',
      'host: x',
      'content-type: application/json',
      `authorization: Bearer ${caller.apiKey}`,
      `content-length: ${body.length}`,
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
    return socket
  }

  const POURS: readonly [string, boolean, (response: ServerResponse) => Promise<number>][] = [
    [
      'a stream',
      true,
      (response) => {
        response.writeHead(200, EVENTS)
        return pour(
          response,
          Buffer.from(`data: {"choices":[{"delta":{"content":"${'x'.repeat(4_000)}"}}]}\n\n`),
          128 * MIB,
        )
      },
    ],
    [
      'a body too long to hold',
      false,
      (response) => {
        response.writeHead(200, JSON_TYPE).write('{"x":"')
        return pour(response, Buffer.alloc(64 * 1024, 'x'), 128 * MIB)
      },
    ],
    [
      'a compressed body',
      false,
      async (response) => {
        const zeros = gzipSync(Buffer.alloc(40 * MIB, 'x'))
        response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' })
        return pour(response, zeros, zeros.length)
      },
    ],
  ]
  test.each(POURS)(
    '%s: the provider is paused, little is kept, then the client is let go',
    async (_what, stream, play) => {
      const poured: number[] = []
      let closed = 0
      upstream.play = async (response) => {
        response.on('close', () => closed++)
        poured.push(await play(response))
      }
      responses.length = 0
      const clients = stream ? 8 : 3
      // Whole answers are held up to 16 MiB each before they pass.
      const bound = clients * (stream ? 1 : 17) * MIB + 4 * MIB
      const most = await measureBuffers(async () => {
        for (let i = 0; i < clients; i++) await callWithoutReading(stream)
        for (let waited = 0; waited < 1_000 && responses.some((response) => !response.destroyed); waited++) {
          if (stream) for (const response of responses) expect(response.writableLength).toBeLessThanOrEqual(256 * 1024)
          await sleep(50)
        }
      })
      expect(responses).toHaveLength(clients)
      expect(responses.every((response) => response.destroyed)).toBe(true)
      expect(most).toBeLessThan(bound)
      await waitUntil(() => closed === clients)
      expect(closed).toBe(clients)
      expect(poured.every((bytes) => bytes < 64 * MIB)).toBe(true)
      const ids = responses.map((response) => String(response.getHeader('x-request-id')))
      for (const id of ids) expect((await app.readReceipt(caller.apiKey, id)).status).toBe(499)
    },
  )

  test('one that reads again in time loses nothing', async () => {
    const total = 24 * MIB
    upstream.play = async (response) => {
      response.writeHead(200, EVENTS)
      await pour(response, Buffer.from('data: {"choices":[{"delta":{"content":"x"}}]}\n\n'.repeat(1_000)), total)
      response.end('data: [DONE]\n\n')
    }
    const socket = await callWithoutReading(true)
    await sleep(SLOW_CLIENT_MS / 2)
    let bytes = 0
    let last = ''
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      last = (last + chunk.toString('latin1')).slice(-100)
    })
    socket.resume()
    while (!last.includes('[DONE]')) await once(socket, 'data')
    expect(bytes).toBeGreaterThan(total)
  })
})

/** The events of a good stream in a dialect, as the fake provider sends them. */
async function readGoodStream(fake: FakeProvider, dialect: Dialect): Promise<string[]> {
  const key = createFakeKey(dialect.vendor)
  const path = dialect.path(dialect.model, true)
  const auth = {
    openai: { authorization: `Bearer ${key}` },
    anthropic: { 'x-api-key': key },
    google: { 'x-goog-api-key': key },
  }
  const response = await fetch(fake.urlOf(dialect.vendor) + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...auth[dialect.vendor] },
    body: JSON.stringify({
      ...dialect.body('one two three', dialect.model, true),
      ...(dialect === CHAT && { stream_options: { include_usage: true } }),
    }),
  })
  return (await response.text()).split(/(?<=\r\n\r\n|\n\n)/)
}

const NAMED = CHAT_DIALECTS.map((dialect) => [dialect.name, dialect] as const)
const PING: Record<string, string> = {
  'openai-chat': ': ping\n\n',
  'openai-responses': ': ping\n\n',
  'anthropic-messages': 'event: ping\ndata: {"type": "ping"}\n\n',
  gemini: ': ping\n\n',
}

describe('with the events of a good stream', () => {
  let fake: FakeProvider
  const streams = new Map<string, string[]>()
  beforeAll(async () => {
    fake = await startFakeProvider({ behindGateway: false })
    for (const dialect of CHAT_DIALECTS) streams.set(dialect.name, await readGoodStream(fake, dialect))
  })
  afterAll(() => fake?.close())

  const openIn = (dialect: Dialect) =>
    openStream(app.url + dialect.path(dialect.model, true), dialect.auth(caller.apiKey), {
      ...dialect.body('x', dialect.model, true),
      ...(dialect === CHAT && { stream_options: { include_usage: true } }),
    })

  /** Each dialect's good stream, with silence behind the second event and inside the third. */
  const playSlowly: Play = async (response, { url = '' }) => {
    response.writeHead(200, EVENTS)
    const name = /chat/.test(url)
      ? 'openai-chat'
      : /responses/.test(url)
        ? 'openai-responses'
        : /messages/.test(url)
          ? 'anthropic-messages'
          : 'gemini'
    const events = streams.get(name)!
    const [first = '', second = '', third = ''] = events
    response.write(first + second)
    await sleep(1_300)
    const half = Math.floor(third.length / 2)
    response.write(third.slice(0, half))
    await sleep(1_300)
    response.end(third.slice(half) + events.slice(3).join(''))
  }

  test.concurrent.each(NAMED)(
    '%s: silence is filled in the dialect’s own form, between events only',
    async (name, dialect) => {
      const events = streams.get(name)!
      expect(events.length).toBeGreaterThan(3)
      upstream.play = playSlowly
      const stream = await openIn(dialect)
      const { text } = await stream.end()
      const ping = PING[name]!
      const [first = '', second = ''] = events
      const filled = text.slice((first + second).length).split(ping)
      expect(filled.length - 1).toBeGreaterThanOrEqual(1)
      expect(text.startsWith(first + second + ping)).toBe(true)
      // All of them stand in the one gap, and without them every byte is the provider's.
      expect(text).toBe(first + second + ping.repeat(filled.length - 1) + events.slice(2).join(''))
    },
  )

  if (!clientsInstalled) console.warn('The SDK part of flow.test.ts did not run: test/clients is not installed')
  test.skipIf(!clientsInstalled)('the official SDKs read such streams as if nothing had been filled in', async () => {
    const sdk = loadOfficialClients()
    const openai = new sdk.OpenAI({ apiKey: caller.apiKey, baseURL: `${app.url}/v1`, maxRetries: 0 })
    const anthropic = new sdk.Anthropic({ apiKey: caller.apiKey, baseURL: app.url, maxRetries: 0 })
    const google = new sdk.GoogleGenAI({ apiKey: caller.apiKey, httpOptions: { baseUrl: app.url } })
    const messages = [{ role: 'user', content: 'x' }]
    const reads: Record<string, () => Promise<string>> = {
      async 'openai-chat'() {
        let text = ''
        const options = { stream: true, stream_options: { include_usage: true } }
        for await (const chunk of await openai.chat.completions.create({ model: 'gpt-4o', messages, ...options }))
          text += chunk.choices[0]?.delta.content ?? ''
        return text
      },
      async 'openai-responses'() {
        const stream = openai.responses.stream({ model: 'gpt-5', input: 'x', store: false })
        return (await stream.finalResponse()).output_text
      },
      async 'anthropic-messages'() {
        return anthropic.messages.stream({ model: 'claude-sonnet-5', max_tokens: 9, messages }).finalText()
      },
      async gemini() {
        let text = ''
        const stream = await google.models.generateContentStream({ model: 'gemini-3.5-flash', contents: 'x' })
        for await (const chunk of stream) text += chunk.text ?? ''
        return text
      },
    }
    upstream.play = playSlowly
    const read = await Promise.all(NAMED.map(([name]) => reads[name]!()))
    const said = NAMED.map(([name, dialect]) =>
      dialect.readText({ text: streams.get(name)!.join(''), body: undefined }),
    )
    expect(read).toEqual(said)
    expect(said.every((text) => text.includes('three'))).toBe(true)
  })

  test.each(NAMED)('R11, %s: a client who leaves at any event stops the provider', async (name, dialect) => {
    const events = streams.get(name)!
    const closed: boolean[] = []
    const all = Array.from({ length: events.length - 1 }, (_, index) => index + 1)
    const ids: string[] = []
    upstream.play = async (response) => {
      const index = ids.push('') - 1
      response.on('close', () => (closed[index] = !response.writableFinished))
      response.writeHead(200, EVENTS)
      response.write(events.slice(0, index + 1).join(''))
    }
    for (const [index] of all.entries()) {
      const stream = await openIn(dialect)
      const wanted = events.slice(0, index + 1).join('').length
      await stream.until((text) => text.length >= wanted)
      ids[index] = String(stream.response.headers['x-request-id'])
      stream.leave()
    }
    await waitUntil(() => closed.filter(Boolean).length === all.length)
    expect(closed).toEqual(all.map(() => true))
    await runMany(ids, 8, async (id) => {
      const receipt = await app.readReceipt(caller.apiKey, id)
      expect([receipt.status, receipt.attempts.length, receipt.attempts[0].outcome]).toEqual([499, 1, 'client_closed'])
      expect(receipt.usage.input_tokens).toBeGreaterThan(0)
    })
  })
})
