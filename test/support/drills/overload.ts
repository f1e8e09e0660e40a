// Twice what a server can do: it is found out what it can, then asked for twice as much at a fixed rate, by clients that
// do not wait for one another. Then a provider that fails always: how often it is called for each request.
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../../../bench/peers/child.ts'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { startUniRoute, type UniRoute } from '../uniroute-process.ts'
import { Broken, connectLean, writeChatRequest, type LeanConnection } from './lean-client.ts'
import type { ProviderFigures } from './provider-peer.ts'

export interface OverloadFigures {
  /** Answered well, in a second. */
  readonly peak: number
  readonly asked: number
  readonly goodput: number
  readonly refused: number
  readonly refusalMs: { readonly median: number; readonly p99: number }
  /** Neither answered nor refused in the time clients wait. */
  readonly givenUp: number
  readonly answerMs: { readonly median: number; readonly p99: number }
}

export interface FailureFigures {
  readonly requests: number
  readonly calls: number
}

const LANES = 64
const PATIENCE_MS = 5_000
/** Open at once at most; beyond, a client would not get a connection either. */
const MOST_OPEN = 4_000

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

export async function runOverloadDrill(options: { readonly seconds: number }): Promise<OverloadFigures> {
  await using stack = new AsyncDisposableStack()
  const { provider, uniroute } = await useServer(stack)
  const { apiKey } = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  const request = writeChatRequest({ apiKey, model: 'gpt-4o', text: 'hello' })
  await provider.ask('behave', { delayMs: 20 })
  const ms = options.seconds * 1_000
  await saturate(portOf(uniroute), request, ms / 2)
  const peak = (await saturate(portOf(uniroute), request, ms)) / options.seconds
  return { peak, ...(await flood(portOf(uniroute), request, peak * 2, ms)) }
}

/** So many at once, each asking again as soon as it is answered; answers in that time. */
async function saturate(port: number, request: Buffer, ms: number): Promise<number> {
  const until = performance.now() + ms
  let answered = 0
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      const connection = await connectLean(port)
      while (performance.now() < until) {
        if ((await connection.ask(request)).status === 200) answered++
      }
      connection.destroy()
    }),
  )
  return answered
}

async function flood(
  port: number,
  request: Buffer,
  perSecond: number,
  ms: number,
): Promise<Omit<OverloadFigures, 'peak'>> {
  const idle: LeanConnection[] = []
  const [answerTimes, refusalTimes]: number[][] = [[], []]
  const running = new Set<Promise<void>>()
  let [asked, inTime, givenUp] = [0, 0, 0]
  const from = performance.now()

  async function askOnce(): Promise<void> {
    const begun = performance.now()
    const connection = idle.pop() ?? (await connectLean(port))
    const timer = setTimeout(() => connection.destroy(), PATIENCE_MS)
    try {
      const { status } = await connection.ask(request)
      const took = performance.now() - begun
      if (status === 200) answerTimes!.push(took)
      else refusalTimes!.push(took)
      if (status === 200 && performance.now() - from <= ms) inTime++
      idle.push(connection)
    } finally {
      clearTimeout(timer)
    }
  }

  while (performance.now() - from < ms) {
    const due = ((performance.now() - from) / 1000) * perSecond
    for (; asked < due; asked++) {
      if (running.size >= MOST_OPEN) {
        givenUp++
        continue
      }
      const one: Promise<void> = askOnce()
        .catch((error: unknown) => {
          if (!(error instanceof Broken)) throw error
          givenUp++
        })
        .finally(() => running.delete(one))
      running.add(one)
    }
    await sleep(5)
  }
  await Promise.all(running)
  for (const connection of idle) connection.destroy()
  return {
    asked: asked / (ms / 1000),
    goodput: inTime / (ms / 1000),
    refused: refusalTimes!.length,
    refusalMs: describe(refusalTimes!),
    givenUp,
    answerMs: describe(answerTimes!),
  }
}

function describe(times: number[]): { median: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)
  return { median: at(0.5), p99: at(0.99) }
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
    Array.from({ length: LANES }, async () => {
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
