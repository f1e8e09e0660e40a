// What counts as too much to do, by a clock that is moved by hand; and, on real sockets, who is refused then and who is
// not.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { startTestHttp, type TestHttp } from '../../test/support/http-server.ts'
import { readHeader } from '../../bench/peers/http-reader.ts'
import { connectLean } from '../../test/support/drills/lean-client.ts'
import { openSocket, sendRaw } from '../../test/support/raw-http.ts'
import type { Log } from '../kernel/log.ts'
import type { EncodeError } from './answers.ts'
import {
  createOverload,
  ENDLESS_MS,
  LATE_MS,
  LOOK_MS,
  MANY,
  TAKEN_IN_LATE,
  TAKEN_IN_MS,
  type Overload,
} from './overload.ts'
import { type DataRoute, defineControlRoute } from './route.ts'

describe('overload is noticed', () => {
  let now = 0
  let busyShare = 1
  let [met, metInTurn] = [0, MANY]
  let overload: Overload
  const lines: string[] = []
  const log = { warn: (_facts: object, line: string) => void lines.push(line) } as unknown as Log

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    lines.length = now = 0
    busyShare = 1
    metInTurn = MANY
    const clock = { now: () => now, monotonic: () => now }
    overload = createOverload({ clock, log, readMet: () => met, readBusyShare: () => busyShare })
    overload.start()
  })
  afterEach(() => {
    overload.stop()
    vi.useRealTimers()
  })

  /** The timer that was due comes so much later. */
  function turn(late: number, interval = LOOK_MS): void {
    now += interval + late
    met += metInTurn
    vi.advanceTimersByTime(interval)
  }
  function overloadIt(): void {
    turn(LATE_MS)
    turn(LATE_MS * 2)
  }

  test.each([
    ['a loop that is not late', [1, 5, LATE_MS - 1, LATE_MS - 1, 2]],
    ['one pause, however long', [0, 60_000, 0, 0]],
    ['the backlog of a pause, which melts', [0, 1_000, 700, 450, 300, 200, 100]],
    ['a pause now and then', [0, 400, 0, 400, 0, 400]],
  ])('not by %s', (_name, lates) => {
    for (const late of lates) turn(late)
    expect([overload.isOn, lines]).toEqual([false, []])
  })

  test('not by long turns with few requests', () => {
    metInTurn = MANY - 1
    for (const late of [10, 50, 100, 200, 400]) turn(late)
    expect(overload.isOn).toBe(false)
  })

  test.each([
    ['turns that grow', [20, 50, 100, 160]],
    ['turns that stay long', [LATE_MS, LATE_MS]],
  ])('by %s', (_name, lates) => {
    for (const late of lates) turn(late)
    expect(overload.isOn).toBe(true)
    expect(lines).toHaveLength(1)
  })

  test('each turn takes in what comes in its first moments, and a few more', () => {
    overloadIt()
    expect(overload.asksAfter).toBe(now + TAKEN_IN_MS)
    while (!overload.refuseOne(overload.asksAfter + 1));
    turn(7, 1)
    expect(overload.asksAfter).toBe(now + TAKEN_IN_MS)
    expect(overload.refuseOne(overload.asksAfter + 1)).toBe(false)
  })

  describe('by the requests themselves, in a turn that never ends', () => {
    /** Requests that are met so long after the turn before ended. */
    function meet(count: number, after: number): boolean[] {
      return Array.from({ length: count }, () => {
        met++
        const at = now + after
        return at > overload.asksAfter && overload.refuseOne(at)
      })
    }

    test('after a late turn', () => {
      turn(LATE_MS)
      expect(meet(MANY, LOOK_MS + LATE_MS - 1).includes(true)).toBe(false)
      expect(overload.isOn).toBe(false)
      meet(1, LOOK_MS + LATE_MS + 1)
      expect(overload.isOn).toBe(true)
      expect(meet(TAKEN_IN_LATE + 2, LOOK_MS + LATE_MS + TAKEN_IN_MS + 2)).toEqual([
        ...Array(TAKEN_IN_LATE).fill(false),
        true,
        true,
      ])
    })

    test('after a turn in time, where they have come for long', () => {
      turn(0)
      meet(1, LOOK_MS + LATE_MS)
      meet(MANY, LOOK_MS + LATE_MS + ENDLESS_MS - 1)
      expect(overload.isOn).toBe(false)
      meet(1, LOOK_MS + LATE_MS + ENDLESS_MS + 1)
      expect(overload.isOn).toBe(true)
    })

    test.each([
      ['by a burst', 0, [LATE_MS, ENDLESS_MS], MANY + 1],
      ['by few', LATE_MS, [LATE_MS * 10, LATE_MS * 20], MANY / 2 - 1],
      ['by the backlog of a pause, in the next turn', LATE_MS * 10, [LATE_MS, LATE_MS * 7], MANY + 1],
      ['by the backlog of a pause, in the same turn', 0, [1_000, 1_700], MANY + 1],
    ])('not %s', (_name, late, times, count) => {
      turn(late)
      for (const after of times) meet(count, LOOK_MS + after)
      expect(overload.isOn).toBe(false)
    })
  })

  test('it is over after a second with time to spare, and told with what was refused', () => {
    overloadIt()
    expect(Array.from({ length: TAKEN_IN_LATE + 1 }, () => overload.refuseOne(overload.asksAfter + 1))).toEqual([
      ...Array(TAKEN_IN_LATE).fill(false),
      true,
    ])
    for (let ms = 0; ms < 3_000; ms++) turn(0, 1)
    expect(overload.isOn).toBe(true)
    busyShare = 0.79
    for (let ms = 0; ms < 1_000; ms++) turn(0, 1)
    expect([overload.isOn, overload.asksAfter, overload.refused]).toEqual([false, Infinity, 1])
    expect(lines).toHaveLength(2)
    turn(0)
    expect(overload.isOn).toBe(false)
  })
})

describe('a server with more to do than it can', () => {
  let started: TestHttp | undefined
  afterEach(async () => void (await started?.http.drain(0)))

  const dataRoute = (path: string): DataRoute => ({
    plane: 'data',
    method: 'POST',
    path,
    credential: 'api-key',
    bodyCap: 1024 * 1024,
    rateClass: 'data',
    summary: 'test',
    handle: (_request, response) => void response.end('served'),
  })
  const post = (path: string, ...lines: string[]): string =>
    `POST ${path} HTTP/1.1\r\n${['Host: a', 'Content-Length: 2', ...lines].join('\r\n')}\r\n\r\n{}`

  const encoderOf =
    (overloaded: number): EncodeError =>
    ({ code, status, retryAfter }, requestId) => ({
      status: code === 'gateway_overloaded' ? overloaded : status,
      headers: { 'retry-after': String(retryAfter), 'content-type': 'application/json' },
      body: `${code} req_${requestId}`,
    })
  const ENCODERS = { 503: encoderOf(503), 529: encoderOf(529) }

  /** One that is late for good, after it took in so many more. */
  async function startLate(takesIn: number): Promise<number> {
    let left = takesIn
    const overload: Overload = {
      asksAfter: 0,
      refuseOne: () => left-- <= 0,
      isOn: true,
      refused: 0,
      start() {},
      stop() {},
    }
    started = await startTestHttp({
      overload,
      chooseErrorEncoder: (path) =>
        path.startsWith('/v1/') ? ENCODERS[path === '/v1/messages' ? 529 : 503] : undefined,
      routes: [
        dataRoute('/v1/chat/completions'),
        dataRoute('/v1/messages'),
        defineControlRoute({
          method: 'GET',
          path: '/health',
          credential: 'none',
          bodyCap: 0,
          rateClass: 'open',
          summary: 'test',
          answers: { 200: { description: 'test' } },
          handle: async () => ({ status: 200, text: 'well' }),
        }),
      ],
    })
    return started.port
  }

  test.each([
    ['/v1/chat/completions', 503],
    ['/v1/messages', 529],
  ])('refuses %s with %i, Retry-After and an id, and the connection stays', async (path, status) => {
    const port = await startLate(0)
    const connection = await connectLean(port)
    const ids = new Set<string>()
    for (let time = 0; time < 3; time++) {
      const answer = await connection.ask(Buffer.from(post(path)))
      const id = readHeader(answer.head, 'x-request-id')!
      expect(id).toMatch(/^req_[0-9A-Z]{26}$/)
      expect(ids.has(id)).toBe(false)
      ids.add(id)
      expect([answer.status, answer.body.toString()]).toEqual([status, `gateway_overloaded ${id}`])
      expect(readHeader(answer.head, 'request-id')).toBe(id)
      expect(readHeader(answer.head, 'retry-after')).toBe('1')
      expect(readHeader(answer.head, 'x-content-type-options')).toBe('nosniff')
      expect(Math.abs(Date.parse(readHeader(answer.head, 'date')!) - Date.now())).toBeLessThan(60_000)
    }
    connection.destroy()
    expect(started!.logged).toEqual([])
  })

  test('serves what it takes in', async () => {
    const port = await startLate(1)
    expect((await sendRaw(port, post('/v1/messages'))).status).toBe(200)
    expect((await sendRaw(port, post('/v1/messages'))).status).toBe(529)
  })

  test('refuses neither health nor what is malformed with it', async () => {
    const port = await startLate(0)
    expect(await sendRaw(port, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n')).toMatchObject({ status: 200, body: 'well' })
    expect((await sendRaw(port, post('/v1/messages', 'Host: b'))).status).toBe(400)
    expect((await sendRaw(port, post('/v1/nothing'))).status).toBe(404)
  })

  test('a long body that nobody reads does not become the next request', async () => {
    const port = await startLate(0)
    const long = `POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`
    const answer = await sendRaw(port, long)
    expect([answer.status, answer.headers['connection']]).toEqual([529, 'close'])
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  })

  /** Statuses of the answers on one connection, in order, until so many are there or it is closed. */
  async function statusesOf(port: number, count: number, parts: readonly string[]): Promise<string> {
    const socket = await openSocket(port)
    let text = ''
    const over = new Promise<void>((resolve) => {
      socket.on('close', () => resolve())
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        if (text.match(/HTTP\/1\.1 /g)?.length === count) resolve()
      })
    })
    for (const part of parts) {
      socket.write(part)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await over
    const rest = await new Promise<string>((resolve) => setTimeout(() => resolve(text), 20))
    socket.destroy()
    return Array.from(rest.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => status).join(' ')
  }

  test('a connection serves and refuses in turn, however requests are cut and put together', async () => {
    const port = await startLate(2)
    const one = post('/v1/messages')
    expect(await statusesOf(port, 5, [one, one, one + one + one])).toBe('200 200 529 529 529')
    expect(await statusesOf(port, 3, [one.slice(0, -2), '{', `}${one.slice(0, 9)}`, one.slice(9) + one])).toBe(
      '529 529 529',
    )
  })

  test('whoever hangs up after the answer, or holds the body back, is refused and let go', async () => {
    const port = await startLate(0)
    const closing = await sendRaw(port, post('/v1/messages', 'Connection: close'))
    expect([closing.status, closing.headers['connection'], closing.closed]).toEqual([529, 'close', true])
    const old = await sendRaw(port, post('/v1/messages').replace('HTTP/1.1', 'HTTP/1.0'))
    expect([old.status, old.closed]).toEqual([529, true])
    const holding = post('/v1/messages', 'Expect: 100-continue').slice(0, -2)
    expect(await statusesOf(port, 2, [holding])).toBe('529')
  })

  test('who reads nothing of it holds no more than a few answers', async () => {
    const port = await startLate(0)
    const socket = await openSocket(port)
    socket.pause()
    const many = post('/v1/messages').repeat(1_000)
    // What the kernels hold of requests and answers, a few megabytes, and then nobody reads any more.
    for (let sent = 0; sent < 200; sent++) {
      if (socket.write(many)) continue
      const drained = await Promise.race([
        new Promise((resolve) => socket.once('drain', () => resolve(true))),
        new Promise((resolve) => setTimeout(() => resolve(false), 500)),
      ])
      if (drained === false) break
    }
    expect(socket.writableLength).toBeGreaterThan(0)
    socket.destroy()
  })
})
