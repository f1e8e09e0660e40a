// What can go wrong with a provider, as rows of the table of failures (R3 … R9): hangs, silence, drips, unreadable
// answers, and a provider that is down altogether. The app runs here, with short timers.
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS, expectError, readEvents, type Dialect } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import { openStream } from '../support/open-stream.ts'
import { runMany } from '../support/random.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'

const SILENCE_MS = 700
const serverKeys = {
  OPENAI_API_KEY: createFakeKey('openai', 'server'),
  ANTHROPIC_API_KEY: createFakeKey('anthropic', 'server'),
  GOOGLE_API_KEY: createFakeKey('google', 'server'),
}

let fake: FakeProvider
let uniroute: InProcessApp
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startInProcess({
    fake,
    env: serverKeys,
    timers: { firstByte: SILENCE_MS, streamSilence: SILENCE_MS, wholeCall: 10_000 },
  })
})
afterAll(async () => {
  await uniroute?.close()
  await fake?.close()
})

const DIALECTS = CHAT_DIALECTS.map((dialect) => [dialect.name, dialect] as const)

async function callerWith(dialect: Dialect, scenario: string, fallback: unknown = 'never') {
  const key = createFakeKey(dialect.vendor, scenario)
  const caller = await uniroute.createCaller({ keys: { [dialect.vendor]: key }, accountFallback: fallback })
  return { key, caller }
}

function open(app: InProcessApp, dialect: Dialect, apiKey: string) {
  const body = dialect.body('a text that is long enough for several events', dialect.model, true)
  return openStream(app.url + dialect.path(dialect.model, true), dialect.auth(apiKey), body)
}

/** The dialect's own error event, and nothing that claims success. */
function expectErrorEvent(dialect: Dialect, text: string): void {
  expect(text).not.toMatch(/\[DONE\]|"finish_reason":"stop"|response\.completed|message_stop|"finishReason"/)
  const last = readEvents(text).at(-1)
  const error = dialect.name === 'openai-responses' ? last.response.error : last.error
  expect(error.message).toMatch(/\w/)
  if (dialect.name === 'openai-chat') expect(error.code).toBe('timeout')
  if (dialect.name === 'openai-responses') expect([last.type, error.code]).toEqual(['response.failed', 'timeout'])
  if (dialect.name === 'anthropic-messages') expect([last.type, error.type]).toEqual(['error', 'timeout_error'])
  if (dialect.name === 'gemini') expect(error.code).toBeTypeOf('number')
}

describe.concurrent('R5: a provider that takes the request and never answers', () => {
  test('may have run it: its estimated cost stands in the receipt, and in usage with the key that paid', async () => {
    const dialect = CHAT_DIALECTS[0]!
    const { caller } = await callerWith(dialect, 'hang', ['outage'])
    const reply = await ask(uniroute, dialect, caller.apiKey)
    expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([200, 'server'])
    const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
    expect(receipt.attempts.map(({ billed_to, outcome }: Json) => [billed_to, outcome])).toEqual([
      ['user', 'timeout'],
      ['server', 'served'],
    ])
    expect(receipt.cost.source).toBe('estimated')
    expect(receipt.usage.input_tokens).toBeGreaterThan(reply.body.usage.prompt_tokens)
    const usage = await uniroute.call('GET', '/admin/usage?group_by=billed_to', { token: caller.token })
    const { groups, total } = usage.body
    expect(groups).toMatchObject([
      { billed_to: 'server', requests: 1, input_tokens: reply.body.usage.prompt_tokens },
      { billed_to: 'user', requests: 0 },
    ])
    expect(groups[1].cost_usd_micros).toBeGreaterThan(0)
    expect(total).toMatchObject({ input_tokens: receipt.usage.input_tokens, cost_usd_micros: receipt.cost.usd_micros })
  })

  test.each(DIALECTS)('%s: 504 timeout, not to be repeated, one call', async (_name, dialect) => {
    for (const stream of [false, true]) {
      const { key, caller } = await callerWith(dialect, 'hang')
      const reply = await ask(uniroute, dialect, caller.apiKey, { stream })
      expectError(dialect.family, reply, {
        status: 504,
        code: 'timeout',
        openaiType: 'server_error',
        anthropicType: 'timeout_error',
        geminiStatus: 'UNAVAILABLE',
        source: 'upstream',
      })
      expect(reply.headers.get('x-should-retry')).toBe('false')
      expect(fake.requestsOf(key)).toHaveLength(1)
      await fake.requestsOf(key)[0]!.ended
      expect(fake.requestsOf(key)[0]!.state).toBe('aborted')
      const receipt = await uniroute.readReceipt(caller.apiKey, reply.headers.get('x-request-id')!)
      // It may have run, and then it costs: the owner's account is not told 0.
      expect(receipt.cost).toMatchObject({ source: 'estimated' })
      expect(receipt.cost.usd_micros).toBeGreaterThan(0)
    }
  })

  test.each(DIALECTS)('%s: the outage step where it is granted', async (_name, dialect) => {
    const { key, caller } = await callerWith(dialect, 'hang', ['outage'])
    const reply = await ask(uniroute, dialect, caller.apiKey)
    expect(reply.status).toBe(200)
    expect(reply.headers.get('x-uniroute-billed-to')).toBe('server')
    expect(reply.headers.get('x-uniroute-fallback')).toBe('outage')
    expect(reply.headers.get('x-uniroute-attempts')).toBe('2')
    expect(fake.requestsOf(key)).toHaveLength(1)
  })
})

describe.concurrent('R6: silence in mid-stream', () => {
  test.each(DIALECTS)('%s: the dialect’s error event, no made-up ending', async (_name, dialect) => {
    const { key, caller } = await callerWith(dialect, 'hang-midstream', 'allow')
    const stream = await open(uniroute, dialect, caller.apiKey)
    const { text } = await stream.end()
    expect(stream.response.statusCode).toBe(200)
    expectErrorEvent(dialect, text)
    // Once bytes are out, no other key is asked, whatever is granted.
    expect(stream.response.headers['x-uniroute-attempts']).toBe('1')
    await fake.requestsOf(key)[0]!.ended
    expect(fake.requestsOf(key)[0]!.state).toBe('aborted')
  })
})

describe('R8: answers that cannot be read', () => {
  let broken: Server
  let answer: (response: ServerResponse) => void
  let app: InProcessApp
  beforeAll(async () => {
    broken = createServer((request, response) => {
      request.resume().on('end', () => answer(response))
    }).listen(0, '127.0.0.1')
    await once(broken, 'listening')
    const base = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`
    const env = { OPENAI_BASE_URL: base, ANTHROPIC_BASE_URL: base, GOOGLE_BASE_URL: base }
    app = await startInProcess({ env, timers: { streamSilence: SILENCE_MS, firstByte: SILENCE_MS } })
  })
  afterAll(async () => {
    await app?.close()
    broken?.closeAllConnections()
    broken?.close()
  })

  const ANSWERS: readonly [string, (response: ServerResponse) => void][] = [
    ['a page', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>')],
    ['no type', (response) => response.writeHead(200).end('{}')],
    ['another type', (response) => response.writeHead(200, { 'content-type': 'application/xml' }).end('<a/>')],
    ['text behind the JSON', (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{} x')],
    ['a list', (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('[1]')],
    ['half a body', (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":"\xff')],
    [
      'an unknown encoding',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'rot13' }).end('{}')
      },
    ],
    [
      'two encodings',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip, gzip' }).end('{}')
      },
    ],
    [
      'no gzip',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('not gzip')
      },
    ],
  ]
  test.each(ANSWERS)('%s with 200: 502 from upstream in every dialect', async (_what, send) => {
    answer = send
    const caller = await app.createCaller({
      accountFallback: 'never',
      keys: {
        openai: createFakeKey('openai'),
        anthropic: createFakeKey('anthropic'),
        google: createFakeKey('google'),
      },
    })
    for (const dialect of CHAT_DIALECTS) {
      const reply = await ask(app, dialect, caller.apiKey)
      expectError(dialect.family, reply, { status: 502, code: 'upstream_malformed', source: 'upstream' })
    }
  })

  test('bad UTF-8 inside an event goes through as it came; characters cut by reads stay whole', async () => {
    const event = Buffer.concat([
      Buffer.from('data: {"choices":[{"delta":{"content":"🙂é'),
      Buffer.from([0xff, 0xc3, 0x28]),
      Buffer.from('"}}]}\n\ndata: [DONE]\n\n'),
    ])
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      let at = 0
      const next = (): void => {
        if (at === event.length) return void response.end()
        response.write(event.subarray(at, ++at), () => setImmediate(next))
      }
      next()
    }
    const caller = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
    const body = { ...CHAT_DIALECTS[0]!.body('x', 'gpt-4o', true), stream_options: { include_usage: true } }
    const stream = await openStream(`${app.url}/v1/chat/completions`, CHAT_DIALECTS[0]!.auth(caller.apiKey), body)
    const { bytes, broken: cut } = await stream.end()
    expect(cut).toBe(false)
    expect(bytes.equals(event)).toBe(true)
  })

  test('R9: comments, pings and bytes without an event are no progress', async () => {
    const drips = [': keep-alive\n\n', 'event: ping\ndata: {"type": "ping"}\n\n', 'x']
    for (const drip of drips) {
      let writing: NodeJS.Timeout | undefined
      answer = (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(
          'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":1}}}\n\n',
        )
        if (drip === 'x') response.write('event: content_block_delta\ndata: {"')
        writing = setInterval(() => response.write(drip), 50)
        response.on('close', () => clearInterval(writing))
      }
      const caller = await app.createCaller({ keys: { anthropic: createFakeKey('anthropic') } })
      const dialect = CHAT_DIALECTS[2]!
      const stream = await open(app, dialect, caller.apiKey)
      const { text } = await stream.end()
      expect(text).toContain('event: error\n')
      expect(text).toContain('"timeout_error"')
      clearInterval(writing)
    }
  })

  test('R9: comments before the first event are no answer: 504', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const writing = setInterval(() => response.write(': OPENROUTER PROCESSING\n\n'), 50)
      response.on('close', () => clearInterval(writing))
    }
    const caller = await app.createCaller({ accountFallback: 'never', keys: { openai: createFakeKey('openai') } })
    const reply = await ask(app, CHAT_DIALECTS[0]!, caller.apiKey, { stream: true })
    expectError('openai', reply, { status: 504, code: 'timeout' })
  })

  test('R9: events that keep coming are progress, however slow the whole', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      let sent = 0
      const writing = setInterval(() => {
        if (++sent < 6) return void response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
        clearInterval(writing)
        response.end('data: [DONE]\n\n')
      }, SILENCE_MS * 0.6)
      response.on('close', () => clearInterval(writing))
    }
    const caller = await app.createCaller({ keys: { openai: createFakeKey('openai') } })
    const stream = await open(app, CHAT_DIALECTS[0]!, caller.apiKey)
    expect(await stream.end()).toMatchObject({ broken: false, text: expect.stringContaining('[DONE]') })
  })
})

test('R10: an answer too large to be translated is 502, and a provider that is no longer read', async () => {
  const app = await startInProcess({ fake })
  const key = createFakeKey('openai', 'big70000')
  const caller = await app.createCaller({ keys: { openai: key }, accountFallback: 'never' })
  const gemini = CHAT_DIALECTS.find(({ name }) => name === 'gemini')!
  const reply = await ask(app, gemini, caller.apiKey, { model: 'gpt-4o' })
  expectError('gemini', reply, { status: 502, code: 'upstream_malformed', source: 'upstream' })
  await fake.requestsOf(key)[0]!.ended
  await app.close()
})

describe('R3: a provider that is down', () => {
  const REQUESTS = 300

  /**
   * So many requests of six people to a provider that answers 500 only; how often it was called, and what they heard.
   */
  async function flood(modelOf: (index: number) => string): Promise<{ calls: number; heard: Map<string, number> }> {
    const down = await startFakeProvider({ keepBodies: false })
    const app = await startInProcess({ fake: down })
    const callers: Caller[] = []
    for (let i = 0; i < 6; i++) {
      const keys = { openai: createFakeKey('openai', 'down500') }
      callers.push(await app.createCaller({ keys, accountFallback: 'never' }))
    }
    const heard = new Map<string, number>()
    await runMany(Array.from({ length: REQUESTS }), 12, async (_item, index) => {
      const caller = callers[index % callers.length]!
      const { status, headers } = await ask(app, CHAT_DIALECTS[0]!, caller.apiKey, { model: modelOf(index) })
      const words = [status, headers.get('x-uniroute-attempts'), headers.get('x-should-retry')].join(' ')
      heard.set(words, (heard.get(words) ?? 0) + 1)
      expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    })
    const calls = down.requests.length
    await app.close()
    await down.close()
    return { calls, heard }
  }

  test('100 % failures without a grant: at most 1.1 calls a request, and after ours the client is told not to repeat', async () => {
    // Of so many models that no breaker opens: the budget of repeats alone holds it.
    const { calls, heard } = await flood((index) => `gpt-${index % 60}`)
    expect(calls).toBeGreaterThanOrEqual(REQUESTS)
    expect(calls).toBeLessThanOrEqual(REQUESTS * 1.1)
    expect([...heard.keys()].sort()).toEqual(['503 1 ', '503 2 false'])
  })

  test('of one model: the breaker answers most of them without a call', async () => {
    const { calls, heard } = await flood(() => 'gpt-4o')
    expect(calls).toBeLessThan(REQUESTS / 3)
    expect([...heard.keys()].filter((words) => !['503 0 ', '503 1 ', '503 2 false'].includes(words))).toEqual([])
  })

  test('what fails for one owner only is closed for that owner only', async () => {
    const dialect = CHAT_DIALECTS[1]!
    const model = 'gpt-4.1-mini'
    const { caller } = await callerWith(dialect, 'down500')
    for (let i = 0; i < 25; i++) expect((await ask(uniroute, dialect, caller.apiKey, { model })).status).toBe(503)
    const blocked = await ask(uniroute, dialect, caller.apiKey, { model })
    expect([blocked.status, blocked.headers.get('x-uniroute-attempts')]).toEqual([503, '0'])
    const other = await callerWith(dialect, 'ok')
    expect((await ask(uniroute, dialect, other.caller.apiKey, { model })).status).toBe(200)
  })
})
