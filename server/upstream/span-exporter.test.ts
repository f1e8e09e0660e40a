// How spans reach a collector: in batches, later, and without anybody waiting for it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Secret } from '../kernel/secret.ts'
import { createSpanExporter, type Span, type SpanExporter, type SpanExporterOptions } from './span-exporter.ts'
import { createUpstream } from './create-upstream.ts'
import type { Upstream } from './upstream.ts'

interface Arrived {
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly names: readonly string[]
}

let upstream: Upstream
let endpoint: string
let arrived: Arrived[]
/** For the next calls, in order; 200 afterwards; null: never answered. */
let statuses: (number | null)[]
let logged: string[]
let closers: (() => unknown)[]

beforeEach(async () => {
  ;[arrived, statuses, logged, closers] = [[], [], [], []]
  upstream = createUpstream()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as {
      resourceSpans: { scopeSpans: { spans: Span[] }[] }[]
    }
    const names = resourceSpans.flatMap((one) => one.scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)))
    arrived.push({ url: request.url!, headers: request.headers, names })
    const status = statuses.length > 0 ? statuses.shift()! : 200
    if (status !== null) response.writeHead(status).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  closers.push(() => void [server.closeAllConnections(), server.close()])
})
afterEach(async () => {
  await upstream.close()
  for (const close of closers) close()
})

const toSpan = (name: string): Span => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  name,
  kind: 2,
  startTimeUnixNano: '1',
  endTimeUnixNano: '2',
  attributes: [],
  status: {},
})

function start(options: Partial<SpanExporterOptions<string>> = {}): SpanExporter<string> {
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
  const own = { upstream, endpoint, headers: [], resource: [], log, everyMs: 20 }
  return createSpanExporter({ ...own, toSpans: (name) => [toSpan(name)], ...options })
}

const allNames = (): string[] => arrived.flatMap(({ names }) => names)

test('what is added arrives a little later, with the headers of the operator, in the order in which it came', async () => {
  const exporter = start({
    endpoint: `${endpoint.replace('//', '//me:pass%20word@')}/base/`,
    headers: [['x-scope', new Secret('mine')]],
  })
  for (const name of ['one', 'two', 'three']) exporter.add(name)
  expect(arrived).toEqual([])
  await expect.poll(allNames).toEqual(['one', 'two', 'three'])
  expect(arrived[0]).toMatchObject({
    url: '/base/v1/traces',
    headers: { 'x-scope': 'mine', authorization: `Basic ${btoa('me:pass word')}`, 'content-type': 'application/json' },
  })
  await expect.poll(() => exporter.results.get('sent')).toBe(3)
  await exporter.close()
})

test('many go in batches, each once', async () => {
  const exporter = start({ everyMs: 60_000 })
  const names = Array.from({ length: 1_000 }, (_, at) => `n${at}`)
  for (const name of names) exporter.add(name)
  await expect.poll(() => allNames().length).toBeGreaterThan(800)
  await exporter.close()
  expect(allNames()).toEqual(names)
  expect(arrived.length).toBeGreaterThan(5)
})

test.each([429, 503])('a collector that says %i for now gets it again, and the log says so once', async (status) => {
  statuses.push(status, status, status)
  const exporter = start()
  exporter.add('patient')
  await expect.poll(() => exporter.results.get('sent')).toBe(1)
  expect(allNames()).toEqual(['patient', 'patient', 'patient', 'patient'])
  expect(logged.filter((line) => line.includes('not taken'))).toHaveLength(1)
  expect(logged.filter((line) => line.includes('taken again'))).toHaveLength(1)
  await exporter.close()
})

test('what it refuses is not sent again', async () => {
  statuses.push(400)
  const exporter = start()
  exporter.add('wrong')
  await expect.poll(() => exporter.results.get('failed')).toBe(1)
  exporter.add('right')
  await expect.poll(() => exporter.results.get('sent')).toBe(1)
  expect(allNames()).toEqual(['wrong', 'right'])
  await exporter.close()
})

test('while it is away the queue has an end, and closing does not wait for it', async () => {
  statuses.push(...Array<null>(50).fill(null))
  const exporter = start({ mostWaiting: 10, timeoutMs: 30 })
  for (let at = 0; at < 25; at++) exporter.add(`n${at}`)
  expect(exporter.results.get('dropped')).toBe(15)
  await exporter.close()
  expect(Object.fromEntries(exporter.results)).toEqual({ sent: 0, failed: 0, dropped: 25 })
})

test('closing sends what waits', async () => {
  const exporter = start({ everyMs: 60_000 })
  exporter.add('last')
  await exporter.close()
  expect(allNames()).toEqual(['last'])
})
