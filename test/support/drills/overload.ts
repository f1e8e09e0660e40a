// Twice what a server can do: it is found out what it can, then asked for twice as much at a fixed rate, by clients
// that do not wait for one another. Of the calls that cost it least, where refusing is dear beside serving, or of
// streams. Then a provider that fails always: how often it is called for each request.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../../../bench/peers/child.ts'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { startUniRoute, type UniRoute } from '../uniroute-process.ts'
import { Broken, connectLean, writeChatRequest, type LeanAnswer, type LeanConnection } from './lean-client.ts'
import { keepApart } from './pinning.ts'
import type { ProviderFigures } from './provider-peer.ts'

export interface OverloadFigures {
  /** Answered well, in a second. */
  readonly peak: number
  readonly asked: number
  readonly goodput: number
  readonly refused: number
  readonly refusalMs: Times
  /** Refused otherwise than with 503 and Retry-After. */
  readonly refusedWrongly: readonly string[]
  /** Neither answered nor refused in the time clients wait. */
  readonly givenUp: number
  readonly answerMs: Times
  /** How late the clients were themselves: part of every time. */
  readonly clientDelayMs: { readonly p99: number; readonly most: number }
  /** Streams that ran meanwhile, and those of them that came whole. */
  readonly streams: number
  readonly wholeStreams: number
  /** Probes of the server's health and calls of the control plane meanwhile, each on a connection of its own. */
  readonly probes: number
  readonly probesFailed: readonly string[]
  readonly probeMs: Times
  /** The server had a processor of its own. */
  readonly isApart: boolean
}

export interface Times {
  readonly median: number
  readonly p99: number
  readonly most: number
}

export type Traffic = 'whole' | 'streamed'

type RefusalFigures = 'refused' | 'refusalMs' | 'refusedWrongly'

export interface FailureFigures {
  readonly requests: number
  readonly calls: number
}

/** How many at once may bring the most, from few to many, and not so many that they are refused: who is refused asks again. */
const LANES = { whole: [64, 128, 256], streamed: [128, 192, 256, 384] } as const
/** How the provider answers; a stream has three events more, and lasts for 220 ms. */
const ANSWERS = { whole: { events: 8, gapMs: 0 }, streamed: { events: 8, gapMs: 20 } } as const
const OPENERS = 64
const PATIENCE_MS = 5_000
/** Clients keep their connections, as a balancer does: Node takes in one new connection in each turn of its loop. */
const CONNECTIONS = 2_000
/** Clients that were late themselves do not make up for more than this. */
const MADE_UP_MS = 20
/** Between what brings the peak and the flood. */
const CALM_MS = 3_000
const STREAMS = 20
const RETRY_AFTER = /\r\nretry-after: [1-9]/i
const PROBE_MS = 500

async function useServer(stack: AsyncDisposableStack) {
  const provider = await startChild<ProviderFigures>(new URL('provider-peer.ts', import.meta.url), [])
  stack.defer(() => provider.stop())
  const uniroute = await startUniRoute({
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${provider.start.port}`, LOG_LEVEL: 'fatal' },
  })
  stack.defer(async () => {
    await uniroute.stop()
    uniroute.remove()
  })
  return { provider, uniroute }
}

const portOf = ({ url }: UniRoute): number => Number(new URL(url).port)

export async function runOverloadDrill(options: {
  readonly seconds: number
  readonly traffic: Traffic
}): Promise<OverloadFigures> {
  const { traffic } = options
  await using stack = new AsyncDisposableStack()
  const { provider, uniroute } = await useServer(stack)
  const { apiKey, token } = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  const request = writeChatRequest({ apiKey, model: 'gpt-4o', text: 'hello', stream: traffic === 'streamed' })
  const ms = options.seconds * 1_000
  await provider.ask('behave', { delayMs: 20, ...ANSWERS[traffic] })
  const port = portOf(uniroute)
  const isApart = keepApart(uniroute.child.pid!, [process.pid, provider.pid])
  const asking: Asking = { port, request, traffic }
  await saturate(asking, LANES[traffic][0], ms / 2)
  let peak = 0
  for (const lanes of LANES[traffic]) {
    peak = Math.max(peak, (await saturate(asking, lanes, ms / 2)) / (options.seconds / 2))
  }
  await sleep(CALM_MS)
  await provider.ask('behave', { events: options.seconds * 4, gapMs: 250 })
  const streaming = runStreams(port, apiKey)
  await sleep(200)
  await provider.ask('behave', ANSWERS[traffic])
  const probing = probe(port, token, ms)
  const ownDelay = monitorEventLoopDelay({ resolution: 1 })
  ownDelay.enable()
  const flooded = await flood(asking, peak * 2, ms)
  ownDelay.disable()
  const clientDelayMs = { p99: Math.round(ownDelay.percentile(99) / 1e6), most: Math.round(ownDelay.max / 1e6) }
  return { peak, ...flooded, clientDelayMs, ...(await streaming), ...(await probing), isApart }
}

interface Asking {
  readonly port: number
  readonly request: Buffer
  readonly traffic: Traffic
}

/** Well, and whole. */
function isServed({ status, body }: LeanAnswer, traffic: Traffic): boolean {
  return status === 200 && (traffic === 'whole' || body.toString('latin1').endsWith('data: [DONE]\n\n'))
}

async function runStreams(port: number, apiKey: string): Promise<{ streams: number; wholeStreams: number }> {
  const request = writeChatRequest({ apiKey, model: 'gpt-4o', text: 'hello', stream: true })
  const whole = await Promise.all(
    Array.from({ length: STREAMS }, async () => {
      const connection = await connectLean(port)
      try {
        return isServed(await connection.ask(request), 'streamed')
      } catch (error) {
        if (!(error instanceof Broken)) throw error
        return false
      } finally {
        connection.destroy()
      }
    }),
  )
  return { streams: STREAMS, wholeStreams: whole.filter(Boolean).length }
}

async function probe(
  port: number,
  token: string,
  ms: number,
): Promise<Pick<OverloadFigures, 'probes' | 'probesFailed' | 'probeMs'>> {
  const until = performance.now() + ms
  const times: number[] = []
  const failed: string[] = []
  while (performance.now() < until) {
    for (const path of ['/health', '/ready', '/auth/profile']) {
      const from = performance.now()
      const connection = await connectLean(port)
      const head = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n\r\n`
      const { status } = await connection.ask(Buffer.from(head))
      connection.destroy()
      times.push(performance.now() - from)
      if (status !== 200) failed.push(`${path}: ${status}`)
    }
    await sleep(PROBE_MS)
  }
  return { probes: times.length, probesFailed: failed, probeMs: describe(times) }
}

/** So many at once, each asking again as soon as it is answered; answers in that time. */
async function saturate({ port, request, traffic }: Asking, lanes: number, ms: number): Promise<number> {
  const until = performance.now() + ms
  let answered = 0
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      const connection = await connectLean(port)
      while (performance.now() < until) {
        if (isServed(await connection.ask(request), traffic)) answered++
      }
      connection.destroy()
    }),
  )
  return answered
}

/** Connections that have carried a request: those that are only open wait until the server takes them in. */
async function openUsed(port: number, request: Buffer): Promise<LeanConnection[]> {
  const opened: LeanConnection[] = []
  await Promise.all(
    Array.from({ length: OPENERS }, async () => {
      while (opened.length < CONNECTIONS) {
        const connection = await connectLean(port)
        opened.push(connection)
        await connection.ask(request)
      }
    }),
  )
  return opened
}

async function flood(
  { port, request, traffic }: Asking,
  perSecond: number,
  ms: number,
): Promise<Pick<OverloadFigures, 'asked' | 'goodput' | 'givenUp' | 'answerMs' | RefusalFigures>> {
  const idle = await openUsed(port, request)
  const [answerTimes, refusalTimes]: number[][] = [[], []]
  const refusedWrongly: string[] = []
  const running = new Set<Promise<void>>()
  let [asked, inTime, givenUp] = [0, 0, 0]
  const from = performance.now()

  async function askOnce(connection: LeanConnection): Promise<void> {
    const begun = performance.now()
    const timer = setTimeout(() => connection.destroy(), PATIENCE_MS)
    try {
      const answer = await connection.ask(request)
      const took = performance.now() - begun
      if (isServed(answer, traffic)) {
        answerTimes!.push(took)
        if (performance.now() - from <= ms) inTime++
      } else {
        refusalTimes!.push(took)
        if (answer.status !== 503 || !RETRY_AFTER.test(answer.head)) refusedWrongly.push(answer.head)
      }
      idle.push(connection)
    } catch (error) {
      if (!(error instanceof Broken)) throw error
      givenUp++
      idle.push(await connectLean(port))
    } finally {
      clearTimeout(timer)
    }
  }

  let last = from
  for (let due = 0; last - from < ms;) {
    const now = performance.now()
    due += (Math.min(now - last, MADE_UP_MS) / 1000) * perSecond
    last = now
    for (; asked < due; asked++) {
      const connection = idle.pop()
      if (connection === undefined) givenUp++
      else {
        const one: Promise<void> = askOnce(connection).finally(() => running.delete(one))
        running.add(one)
      }
    }
    await sleep(2)
  }
  await Promise.all(running)
  for (const connection of idle) connection.destroy()
  return {
    asked: asked / (ms / 1000),
    goodput: inTime / (ms / 1000),
    refused: refusalTimes!.length,
    refusalMs: describe(refusalTimes!),
    refusedWrongly,
    givenUp,
    answerMs: describe(answerTimes!),
  }
}

function describe(times: number[]): Times {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)
  return { median: at(0.5), p99: at(0.99), most: at(1) }
}

/** Of so many models that no breaker opens: the budget of repeats alone holds the calls. */
export async function runFailureDrill(options: { readonly requests: number }): Promise<FailureFigures> {
  await using stack = new AsyncDisposableStack()
  const { provider, uniroute } = await useServer(stack)
  const { apiKey } = await uniroute.createCaller({
    keys: { openai: createFakeKey('openai', 'down500') },
    accountFallback: 'never',
  })
  let requests = 0
  await Promise.all(
    Array.from({ length: OPENERS }, async () => {
      const connection = await connectLean(portOf(uniroute))
      while (requests < options.requests) {
        const model = `gpt-${Math.floor(requests++ / 10)}`
        const { status } = await connection.ask(writeChatRequest({ apiKey, model, text: 'hello' }))
        if (status !== 503) throw new Error(`a call to a provider that fails was answered with ${status}`)
      }
      connection.destroy()
    }),
  )
  return { requests, calls: (await provider.ask<ProviderFigures>('figures')).calls }
}
