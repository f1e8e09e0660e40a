// Sends spans to an OpenTelemetry collector, as OTLP over HTTP in JSON. What is to be told waits in memory as it came
// and becomes spans only when a batch of it is sent, one batch at a time, a little later.
// Invariants: nobody who adds anything waits for it or fails with it; the queue is bounded, and what does not fit is
// counted and lost; what a collector cannot take for now stays in the queue; the log says once that it is away, and
// once that it is back.
import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../kernel/log.ts'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import type { Upstream } from './upstream.ts'

type AttributeValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly boolValue: boolean }

export interface Attribute {
  readonly key: string
  readonly value: AttributeValue
}

/** As the protocol has it: ids in hexadecimal, times in nanoseconds as text. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly Attribute[]
  readonly status: { readonly code?: number; readonly message?: string }
}

export type TraceResult = 'sent' | 'failed' | 'dropped'

export interface SpanExporter<Item> {
  add(item: Item): void
  /** How many items went which way, since the start. */
  readonly results: ReadonlyMap<TraceResult, number>
  /** Sends what waits, as far as the collector takes it within a few seconds. */
  close(): Promise<void>
}

export interface SpanExporterOptions<Item> {
  readonly upstream: Upstream
  /** The collector's; `/v1/traces` comes behind it. */
  readonly endpoint: string
  readonly headers: readonly (readonly [name: string, value: Secret])[]
  /** Who tells: the attributes of this server. */
  readonly resource: readonly Attribute[]
  readonly toSpans: (item: Item) => readonly Span[]
  readonly log: Log
  readonly everyMs?: number
  readonly timeoutMs?: number
  readonly mostWaiting?: number
}

/** Few enough that turning them into text holds nobody up. */
const BATCH = 128
const MOST_WAITING = 8_192
const EVERY_MS = 5_000
const TIMEOUT_MS = 10_000
const LAST_TRY_MS = 3_000
/** As the protocol has them; so is no answer at all. */
const PASSING = new Set([429, 502, 503, 504])

type Answer = 'taken' | 'refused' | 'passing'

// size: a queue and the one who empties it.
export function createSpanExporter<Item>(options: SpanExporterOptions<Item>): SpanExporter<Item> {
  const { everyMs = EVERY_MS, timeoutMs = TIMEOUT_MS, mostWaiting = MOST_WAITING, log } = options
  const post = createPost(options)
  const results = new Map<TraceResult, number>([
    ['sent', 0],
    ['failed', 0],
    ['dropped', 0],
  ])
  const waiting: Item[] = []
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<Answer> | undefined
  let isAway = false
  let isClosed = false

  function count(result: TraceResult, by = 1): void {
    results.set(result, results.get(result)! + by)
  }

  function sendIn(ms: number): void {
    if (isClosed || sending !== undefined) return
    clearTimeout(timer)
    timer = setTimeout(() => void sendBatch(timeoutMs), ms).unref()
  }

  async function sendBatch(patience: number): Promise<Answer> {
    timer = undefined
    const size = Math.min(waiting.length, BATCH)
    sending = post(waiting.slice(0, size).flatMap(options.toSpans), patience)
    const answer = await sending
    sending = undefined
    note(answer)
    if (answer !== 'passing') {
      waiting.splice(0, size)
      count(answer === 'taken' ? 'sent' : 'failed', size)
    }
    if (waiting.length > 0) sendIn(answer === 'taken' && waiting.length >= BATCH ? 0 : everyMs)
    return answer
  }

  function note(answer: Answer): void {
    if ((answer !== 'taken') === isAway) return
    isAway = !isAway
    if (isAway) log.warn({ answer }, 'traces are not taken by OTEL_EXPORTER_OTLP_ENDPOINT; nothing else waits for them')
    else log.info('traces are taken again')
  }

  return {
    results,
    add(item) {
      if (waiting.length >= mostWaiting) return count('dropped')
      waiting.push(item)
      if (waiting.length === BATCH) sendIn(0)
      else if (timer === undefined) sendIn(everyMs)
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      const until = performance.now() + LAST_TRY_MS
      await Promise.race([sending, pause(LAST_TRY_MS, undefined, { ref: false })])
      while (sending === undefined && waiting.length > 0 && performance.now() < until) {
        if ((await sendBatch(until - performance.now())) === 'passing') break
      }
      count('dropped', waiting.length)
      waiting.length = 0
    },
  }
}

function createPost<Item>(options: SpanExporterOptions<Item>): (spans: readonly Span[], ms: number) => Promise<Answer> {
  const { upstream, resource } = options
  const url = new URL(options.endpoint)
  const headers = ['content-type', 'application/json']
  if (url.username !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    headers.push('authorization', `Basic ${Buffer.from(pair).toString('base64')}`)
  }
  for (const [name, value] of options.headers) headers.push(name, revealSecret(value))
  const path = `${url.pathname.replace(/\/+$/, '')}/v1/traces`

  return (spans, ms) => {
    if (spans.length === 0) return Promise.resolve('taken')
    const scopeSpans = [{ scope: { name: 'uniroute' }, spans }]
    const body = Buffer.from(JSON.stringify({ resourceSpans: [{ resource: { attributes: resource }, scopeSpans }] }))
    return new Promise((resolve) => {
      let status = 0
      const timer = setTimeout(() => {
        call.abort()
        resolve('passing')
      }, ms)
      const end = (answer: Answer): void => {
        clearTimeout(timer)
        resolve(answer)
      }
      const call = upstream.send(
        { origin: url.origin, guarded: false, method: 'POST', path, headers, body: [body] },
        {
          head: (given) => void (status = given),
          data: () => undefined,
          end: () => end(status >= 200 && status < 300 ? 'taken' : PASSING.has(status) ? 'passing' : 'refused'),
          failed: () => end('passing'),
        },
      )
    })
  }
}
