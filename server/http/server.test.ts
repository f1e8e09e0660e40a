// The server as a whole: broken sockets, time limits, connection caps, early errors in the caller's dialect, and the
// end.
import { request as httpRequest } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { authenticateForTest, startTestHttp, type TestHttp } from '../../test/support/http-server.ts'
import { openSocket, readAnswer, sendRaw } from '../../test/support/raw-http.ts'
import { systemClock } from '../kernel/clock.ts'
import { createConnections } from './connections.ts'
import type { AnsweredFacts } from './dispatch.ts'
import { type DataRoute, defineControlRoute, type RouteMatch } from './route.ts'
import { DEFAULT_HTTP_LIMITS, type HttpOptions } from './server.ts'

const started: TestHttp[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.http.drain(0)
})

async function start(options: Partial<HttpOptions> & Pick<HttpOptions, 'routes'>): Promise<TestHttp> {
  const one = await startTestHttp(options)
  started.push(one)
  return one
}

function dataRoute(path: string, handle: DataRoute['handle'], method: DataRoute['method'] = 'GET'): DataRoute {
  return {
    plane: 'data',
    method,
    path,
    credential: 'api-key',
    bodyCap: 1024,
    rateClass: 'data',
    summary: 'test',
    handle,
  }
}

/** A route whose answers wait until they are let go. */
function heldRoute(): { route: DataRoute; letGo: () => void; waiting: () => number } {
  const held: (() => void)[] = []
  const route = dataRoute('/v1/held', (_request, response) => void held.push(() => response.end('done')))
  return { route, letGo: () => held.splice(0).forEach((go) => go()), waiting: () => held.length }
}

const get = (path: string, ...lines: string[]): string =>
  `GET ${path} HTTP/1.1\r\n${['Host: a', ...lines].join('\r\n')}\r\n\r\n`

describe('the server', () => {
  test('has the promised limits', async () => {
    const { http } = await start({ routes: [] })
    const { headersTimeout, requestTimeout, keepAliveTimeout, timeout } = http.server
    expect({ headersTimeout, requestTimeout, keepAliveTimeout, timeout }).toEqual({
      headersTimeout: 60_000,
      requestTimeout: 600_000,
      keepAliveTimeout: 75_000,
      timeout: 0,
    })
    expect(DEFAULT_HTTP_LIMITS.headerBytes).toBe(16 * 1024)
  })

  test('answers HEAD / and OPTIONS without a credential', async () => {
    const { port, url } = await start({
      routes: [
        dataRoute('/v1/models', (_request, response) => void response.end()),
        {
          plane: 'control',
          method: 'GET',
          path: '/',
          credential: 'none',
          bodyCap: 0,
          rateClass: 'open',
          summary: 'x',
          answers: { 200: { description: 'x' } },
          handle: async () => ({ status: 200, text: 'page', headers: { 'content-type': 'text/html' } }),
        },
      ],
    })
    const head = await fetch(`${url}/`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '4', ''])
    for (const target of ['/v1/models', '/openai/v1/models/', '*', '/']) {
      const options = await sendRaw(port, `OPTIONS ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
      expect([options.status, options.headers['allow']?.includes('OPTIONS')]).toEqual([204, true])
      expect(options.headers['access-control-allow-origin']).toBeUndefined()
    }
    expect((await sendRaw(port, 'OPTIONS /nothing HTTP/1.1\r\nHost: a\r\n\r\n')).status).toBe(404)
  })

  test('hands a data route what it matched, with ids of our own', async () => {
    const matches: RouteMatch[] = []
    const { port } = await start({
      routes: [
        dataRoute('/v1/models/*model', (_request, response, match) => {
          matches.push(match)
          response.end()
        }),
      ],
    })
    const answer = await sendRaw(
      port,
      get('/openai/v1/models/a%2Fb?key=ur_x', `x-request-id: mine\t${'y'.repeat(300)}`),
    )
    const match = matches[0]!
    expect({ ...match.params }).toEqual({ model: 'a/b' })
    expect([match.path, match.mount, match.query.get('key'), match.ip]).toEqual([
      '/v1/models/a%2Fb',
      'openai',
      'ur_x',
      '127.0.0.1',
    ])
    expect(answer.headers['x-request-id']).toBe(`req_${match.requestId}`)
    expect(answer.headers['request-id']).toBe(`req_${match.requestId}`)
    expect(match.clientRequestId).toMatch(/^miney{124}$/)
  })

  test('puts early errors into the dialect the handed-in encoder speaks, and else into its own', async () => {
    const asked: unknown[] = []
    const { port } = await start({
      routes: [dataRoute('/v1/messages', () => {}, 'POST')],
      chooseErrorEncoder: (path, headers) => {
        if (!path.startsWith('/v1') && !path.startsWith('/anthropic')) return undefined
        return (error, requestId) => {
          asked.push([path, headers['anthropic-version'], error.code, requestId.length])
          return {
            status: error.status,
            headers: { 'content-type': 'application/json' },
            body: `{"type":"error","code":"${error.code}"}`,
          }
        }
      },
    })
    const unknown = await sendRaw(port, get('/anthropic/v1/files?x=1', 'anthropic-version: 1'))
    expect([unknown.status, unknown.body]).toEqual([404, '{"type":"error","code":"not_found"}'])
    const wrongMethod = await sendRaw(port, get('/v1/messages'))
    expect([wrongMethod.status, wrongMethod.headers['allow']]).toEqual([405, 'OPTIONS, POST'])
    const strict = await sendRaw(port, get('/v1//messages'))
    expect([strict.status, strict.body]).toEqual([400, '{"type":"error","code":"bad_request"}'])
    const large = await sendRaw(port, 'POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n')
    expect([large.status, large.body]).toEqual([413, '{"type":"error","code":"payload_too_large"}'])
    const control = await sendRaw(port, get('/admin/nothing'))
    expect(JSON.parse(control.body)).toMatchObject({ code: 'not_found', error: expect.any(String) })
    expect(asked).toEqual([
      ['/anthropic/v1/files', '1', 'not_found', 26],
      ['/v1/messages', undefined, 'method_not_allowed', 26],
      ['/v1//messages', undefined, 'bad_request', 26],
      ['/v1/messages', undefined, 'payload_too_large', 26],
    ])
  })

  test('survives a data route that throws, at once or later', async () => {
    const { port, logged } = await start({
      routes: [
        dataRoute('/v1/throws', () => {
          throw new Error('canary')
        }),
        dataRoute('/v1/rejects', async () => {
          await new Promise((resolve) => setImmediate(resolve))
          throw new Error('canary')
        }),
        dataRoute('/v1/half', (_request, response) => {
          response.write('half')
          throw new Error('canary')
        }),
      ],
    })
    for (const path of ['/v1/throws', '/v1/rejects']) {
      const answer = await sendRaw(port, get(path))
      expect([answer.status, answer.body.includes('canary')]).toEqual([500, false])
    }
    // A begun answer is cut, never finished as if it were whole.
    const half = await sendRaw(port, get('/v1/half')).catch((error: unknown) => String(error))
    expect(typeof half === 'string' ? half : half.text).not.toContain('0\r\n\r\n')
    expect(logged.join('')).not.toContain('canary')
  })

  test('tells the counters of every answer, refused ones too', async () => {
    const facts: AnsweredFacts[] = []
    const { port } = await start({
      routes: [dataRoute('/v1/models', (_request, response) => void response.end())],
      onAnswered: (fact) => void facts.push(fact),
    })
    await sendRaw(port, get('/v1/models'))
    await sendRaw(port, get('/v1/nothing'))
    await expect
      .poll(() => facts.map((fact) => [fact.route?.path, fact.status]))
      .toEqual([
        ['/v1/models', 200],
        [undefined, 404],
      ])
  })

  test('answers a head that does not end with 408', async () => {
    const { port } = await start({ routes: [], limits: { headersMs: 100 } })
    const socket = await openSocket(port)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n')
    const answer = await readAnswer(socket)
    expect([answer.status, answer.closed]).toEqual([408, true])
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'request_timeout' })
  })

  test('a broken chunk in the body of a request being served is 400 in its dialect', async () => {
    const { port } = await start({
      routes: [dataRoute('/v1/messages', (request) => void request.resume(), 'POST')],
      chooseErrorEncoder: (path) => (error) => ({ status: error.status, headers: {}, body: path }),
    })
    const answer = await sendRaw(
      port,
      'POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    )
    expect([answer.status, answer.body, answer.closed]).toEqual([400, '/v1/messages', true])
  })

  test.each([
    ['headers that are too large', `X-Big: ${'x'.repeat(20_000)}\r\n`, 431],
    ['a header that is none', 'no colon here\r\n', 400],
  ])('%s are refused in the dialect of the address', async (_claim, header, status) => {
    const { port } = await start({
      routes: [],
      chooseErrorEncoder: (path) => (error) => ({ status: error.status, headers: {}, body: `at ${path}` }),
    })
    const answer = await sendRaw(port, `POST /v1/messages?beta=true HTTP/1.1\r\nHost: a\r\n${header}\r\n`)
    expect([answer.status, answer.body, answer.closed]).toEqual([status, 'at /v1/messages', true])
    const noise = await sendRaw(port, 'what is this\r\n\r\n')
    expect([noise.status, noise.body]).toEqual([400, 'at '])
  })

  test('an Expect header that asks for anything else is 417 with an id, in the dialect of the address, and the end', async () => {
    const served: string[] = []
    const { port } = await start({
      routes: [dataRoute('/v1/messages', (_request, response) => void response.end(served.push('x')), 'POST')],
      chooseErrorEncoder: (path) =>
        path.startsWith('/v1') ? ({ status }) => ({ status, headers: {}, body: `at ${path}` }) : undefined,
    })
    const post = (path: string): string =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: weird\r\nContent-Length: 2\r\n\r\n{}`
    const data = await sendRaw(port, post('/v1/messages') + get('/v1/messages'))
    expect([data.status, data.body, data.closed]).toEqual([417, 'at /v1/messages', true])
    const control = await sendRaw(port, post('/auth/login'))
    expect([control.status, control.closed, JSON.parse(control.body)]).toMatchObject([
      417,
      true,
      { code: 'expectation_failed', error: expect.stringContaining('100-continue') },
    ])
    for (const { headers, text } of [data, control]) {
      expect(headers['x-request-id']).toMatch(/^req_[0-9A-Z]{26}$/)
      // One answer: what came behind it was not read as a request.
      expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    }
    expect(served).toEqual([])
  })

  test('forgets pipelined requests whose socket died before their turn', async () => {
    const held = heldRoute()
    const { http, port } = await start({ routes: [held.route] })
    const socket = await openSocket(port)
    socket.write(get('/v1/held').repeat(5))
    await expect.poll(held.waiting).toBe(5)
    expect(http.inFlight).toBe(5)
    socket.destroy()
    await expect.poll(() => http.inFlight).toBe(0)
  })
})

describe('connections per address', () => {
  test('at the cap the longest idle one goes; where all are busy the new one does', async () => {
    const held = heldRoute()
    const tracker = createConnections({ capPerAddress: 2, isExempt: () => false })
    const { http, port } = await start({ routes: [held.route] })
    const verdicts: boolean[] = []
    // The server's own tracker exempts this machine; the same rules run here on its real sockets.
    http.server.on('connection', (socket) => verdicts.push(tracker.open(socket)))
    http.server.on('request', (request, response) => tracker.begin({ request, response }))
    const first = await openSocket(port)
    const second = await openSocket(port)
    second.write(get('/v1/held'))
    await expect.poll(held.waiting).toBe(1)
    const firstClosed = new Promise((resolve) => first.once('close', resolve))
    const third = await openSocket(port)
    await firstClosed
    third.write(get('/v1/held'))
    await expect.poll(held.waiting).toBe(2)
    const fourth = await openSocket(port)
    await new Promise((resolve) => fourth.once('close', resolve))
    expect(verdicts).toEqual([true, true, true, false])
    const answers = [readAnswer(second), readAnswer(third)]
    held.letGo()
    expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200])
  })

  test.each([
    ['somebody known served', '/v1/known', 'second'],
    ['somebody refused', '/v1/refused', 'first'],
    ['anybody served', '/open', 'first'],
  ])('at the cap, the first one idle longest and %s on it at %s: the %s goes', async (_name, path, gone) => {
    const known = dataRoute('/v1/known', (_request, response) => void response.end())
    const refused = dataRoute('/v1/refused', (_request, response) => void response.writeHead(401).end())
    const open = defineControlRoute({
      method: 'GET',
      path: '/open',
      credential: 'none',
      bodyCap: 0,
      rateClass: 'open',
      summary: 'test',
      answers: { 200: { description: 'test' } },
      handle: async () => ({ status: 200, text: 'well' }),
    })
    const { port } = await start({
      routes: [known, refused, open],
      limits: { connectionsPerAddress: 2 },
      isUncounted: () => false,
    })
    const closed: string[] = []
    for (const [name, asked] of [
      ['first', path],
      ['second', '/open'],
    ] as const) {
      const socket = await openSocket(port)
      socket.once('close', () => closed.push(name))
      socket.write(get(asked))
      await new Promise((resolve) => socket.once('data', resolve))
    }
    await openSocket(port)
    await expect.poll(() => closed).toEqual([gone])
  })
})

describe('drain', () => {
  test('with nothing in flight ends at once, and closes idle connections', async () => {
    const { http, port } = await start({
      routes: [dataRoute('/v1/models', (_request, response) => void response.end())],
    })
    const idle = await openSocket(port)
    idle.write(get('/v1/models'))
    await new Promise((resolve) => idle.once('data', resolve))
    const closed = new Promise((resolve) => idle.once('close', resolve))
    expect(await http.drain(600)).toEqual({ cut: 0 })
    await closed
    expect(http.draining).toBe(true)
    await expect(openSocket(port)).rejects.toThrow('ECONNREFUSED')
  })

  test('lets what is in flight finish, says close, and takes nothing new', async () => {
    const held = heldRoute()
    const streaming: (() => void)[] = []
    const stream = dataRoute('/v1/stream', (_request, response) => {
      response.write('begun')
      streaming.push(() => response.end('ended'))
    })
    const { http, port } = await start({ routes: [held.route, stream] })
    const waiting = await openSocket(port)
    waiting.write(get('/v1/held'))
    const flowing = await openSocket(port)
    flowing.write(get('/v1/stream'))
    let streamed = ''
    flowing.on('data', (bytes) => (streamed += bytes.toString()))
    await expect.poll(() => held.waiting() + streaming.length).toBe(2)
    let done = false
    const drained = http.drain(600).then((outcome) => {
      done = true
      return outcome
    })
    await expect(openSocket(port)).rejects.toThrow('ECONNREFUSED')
    expect(done).toBe(false)
    const answer = readAnswer(waiting)
    held.letGo()
    expect((await answer).headers['connection']).toBe('close')
    expect(done).toBe(false)
    const flowed = new Promise((resolve) => flowing.once('close', resolve))
    streaming.forEach((end) => end())
    await flowed
    expect(streamed).toContain('ended')
    expect(await drained).toEqual({ cut: 0 })
    expect(http.drain(0)).toBe(http.drain(600))
  })

  test('cuts what is left when the time is up, and says how much', async () => {
    const held = heldRoute()
    const { http, port } = await start({ routes: [held.route] })
    const sockets = await Promise.all([openSocket(port), openSocket(port)])
    for (const socket of sockets) socket.write(get('/v1/held'))
    await expect.poll(held.waiting).toBe(2)
    const closed = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    expect(await http.drain(0.05)).toEqual({ cut: 2 })
    await closed
  })

  test('keep-alive clients that go on asking lose no request', async () => {
    const { http, port } = await start({
      routes: [dataRoute('/v1/models', (_request, response) => void response.end('ok'))],
    })
    const { Agent } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    const ask = (): Promise<number | string> =>
      new Promise((resolve) => {
        const call = httpRequest({ port, host: '127.0.0.1', path: '/v1/models', agent }, (answer) => {
          answer.resume().once('end', () => resolve(answer.statusCode!))
        })
        call.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error')).end()
      })
    const before = await Promise.all(Array.from({ length: 40 }, ask))
    expect(new Set(before)).toEqual(new Set([200]))
    const during = Array.from({ length: 40 }, ask)
    await expect.poll(() => http.inFlight).toBe(0)
    await http.drain(10)
    agent.destroy()
    // What reached the server was answered; what did not was refused before it was sent or cut as idle.
    for (const outcome of await Promise.all(during)) expect([200, 'ECONNREFUSED', 'ECONNRESET']).toContain(outcome)
  })
})

test('the authenticate that tests hand in refuses strangers', async () => {
  await expect(authenticateForTest({ kind: 'api-key', key: 'ur_x' })).rejects.toThrow()
  expect(systemClock.now()).toBeGreaterThan(0)
})
