// What counts as too much to do, by a clock that is moved by hand; and, on real sockets, who is refused then and who is not.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { startTestHttp, type TestHttp } from '../../test/support/http-server.ts'
import { readHeader } from '../../bench/peers/http-reader.ts'
import { connectLean } from '../../test/support/drills/lean-client.ts'
import { sendRaw } from '../../test/support/raw-http.ts'
import type { Log } from '../kernel/log.ts'
import { createOverload, LATE_MS, LOOK_MS, TAKEN_IN_LATE, TAKEN_IN_MS, type Overload } from './overload.ts'
import { createOpenRoutes } from './open-routes.ts'
import type { DataRoute } from './route.ts'

describe('overload is noticed', () => {
  let now = 0
  let busyShare = 1
  let overload: Overload
  const lines: string[] = []
  const log = { warn: (_facts: object, line: string) => void lines.push(line) } as unknown as Log

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    lines.length = now = 0
    busyShare = 1
    const clock = { now: () => now, monotonic: () => now }
    overload = createOverload({ clock, log, readBusyShare: () => busyShare })
    overload.start()
  })
  afterEach(() => {
    overload.stop()
    vi.useRealTimers()
  })

  /** The timer that was due comes so much later. */
  function turn(late: number, interval = LOOK_MS): void {
    now += interval + late
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
    expect([overload.isOn, overload.refusesAfter, lines]).toEqual([false, Infinity, []])
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
    expect(overload.refusesAfter).toBe(now + TAKEN_IN_MS)
    while (!overload.refuseOne());
    turn(7, 1)
    expect(overload.refusesAfter).toBe(now + TAKEN_IN_MS)
    expect(overload.refuseOne()).toBe(false)
  })

  test('it is over after a second with time to spare, and told with what was refused', () => {
    overloadIt()
    expect(Array.from({ length: TAKEN_IN_LATE + 1 }, () => overload.refuseOne())).toEqual([
      ...Array(TAKEN_IN_LATE).fill(false),
      true,
    ])
    for (let ms = 0; ms < 3_000; ms++) turn(0, 1)
    expect(overload.isOn).toBe(true)
    busyShare = 0.79
    for (let ms = 0; ms < 1_000; ms++) turn(0, 1)
    expect([overload.isOn, overload.refusesAfter, overload.refused]).toEqual([false, Infinity, 1])
    expect(lines).toHaveLength(2)
    turn(0)
    expect(overload.isOn).toBe(false)
  })
})

describe('a server with more to do than it can', () => {
  let started: TestHttp | undefined
  afterEach(async () => void (await started?.http.drain(0)))

  const BUSY_MS = 6
  const busyRoute = (path: string): DataRoute => ({
    plane: 'data',
    method: 'POST',
    path,
    credential: 'api-key',
    bodyCap: 1024,
    rateClass: 'data',
    summary: 'test',
    handle(_request, response) {
      const until = performance.now() + BUSY_MS
      while (performance.now() < until);
      response.end('served')
    },
  })
  const post = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`

  async function startBusy(): Promise<TestHttp> {
    started = await startTestHttp({
      encodeEarlyError: (path, _headers, { code, status, retryAfter }) => ({
        status: path === '/v1/messages' ? 529 : status,
        headers: { 'retry-after': String(retryAfter) },
        body: code,
      }),
      routes: [
        busyRoute('/v1/chat/completions'),
        busyRoute('/v1/messages'),
        ...createOpenRoutes({
          version: '1',
          publicUrl: () => '',
          routes: () => [],
          checkReady: async () => ({ ready: true, reasons: [] }),
          isDraining: () => false,
          readSetup: async () => 'done',
          dashboard: { routes: [] } as never,
          readMetrics: async () => ({ contentType: 'text/plain', text: '' }),
        }),
      ],
    })
    return started
  }

  test('serves part of it, refuses the rest in its dialect with Retry-After, health never, and recovers', async () => {
    const { port, http } = await startBusy()
    const seen = { served: 0, refused: 0 }
    const until = performance.now() + 3_000
    const lane = async (_: unknown, place: number): Promise<void> => {
      const [path, status] = place % 2 === 0 ? ['/v1/chat/completions', 503] : ['/v1/messages', 529]
      const connection = await connectLean(port)
      while (performance.now() < until) {
        const { status: got, head, body } = await connection.ask(Buffer.from(post(path as string)))
        if (got === 200) seen.served++
        else {
          seen.refused++
          expect([got, readHeader(head, 'retry-after'), body.toString()]).toEqual([status, '1', 'gateway_overloaded'])
          expect(readHeader(head, 'x-request-id')).toMatch(/^req_/)
        }
      }
      connection.destroy()
    }
    const healthy = async (): Promise<void> => {
      while (performance.now() < until)
        expect((await sendRaw(port, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n')).status).toBe(200)
    }
    await Promise.all([...Array.from({ length: 40 }, lane), healthy()])
    expect(seen.refused).toBeGreaterThan(0)
    expect(seen.served).toBeGreaterThan(20)
    expect(http.overload.refused).toBe(seen.refused)
    await expect.poll(() => http.overload.isOn, { timeout: 10_000 }).toBe(false)
    expect((await sendRaw(port, post('/v1/chat/completions'))).status).toBe(200)
  }, 30_000)
})
