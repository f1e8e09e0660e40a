// Thousands of streams at once through one process: opened, silent, then spoken to the end. Each must come whole, byte
// by byte, and what one costs in memory is what the process grew by, divided.
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild, type Child } from '../../../bench/peers/child.ts'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { readResident } from '../faults/memory.ts'
import { startUniRoute, type UniRoute } from '../uniroute-process.ts'
import { connectLean, writeChatRequest, type LeanConnection } from './lean-client.ts'
import { writeChatEvents } from './lean-answers.ts'
import type { ProviderFigures } from './provider-peer.ts'

export interface StreamFigures {
  readonly streams: number
  readonly whole: number
  readonly events: { readonly sent: number; readonly received: number }
  readonly failed: readonly string[]
  /** Bytes of each: in silence after the first event, and at most while all speak. */
  readonly idleBytes: number
  readonly activeBytes: number
  readonly seconds: number
}

const WARM_UP = 500
const EVENTS = 30
const AT_ONCE = 100
/** One that thinks: its silence may last ten minutes, which opening so many takes on a slow machine. */
const MODEL = 'gpt-5'

export async function runStreamsDrill(options: {
  readonly streams: number
  /** Between the events of a stream. */
  readonly gapMs: number
  readonly env?: Readonly<Record<string, string>>
  readonly say?: (line: string) => void
}): Promise<StreamFigures> {
  const { streams, gapMs, env = {}, say = () => {} } = options
  const from = performance.now()
  await using stack = new AsyncDisposableStack()
  const provider = await startChild<ProviderFigures>(new URL('provider-peer.ts', import.meta.url), [])
  stack.defer(() => provider.stop())
  const uniroute = await startUniRoute({
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${provider.start.port}`, LOG_LEVEL: 'warn', ...env },
  })
  stack.defer(async () => {
    await uniroute.stop()
    uniroute.remove()
  })
  const { apiKey } = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  const ask = { uniroute, request: (text: string) => writeChatRequest({ apiKey, model: MODEL, text, stream: true }) }
  const failed: string[] = []
  await provider.ask('behave', { events: EVENTS, gapMs: 1 })
  await Promise.all((await openAll(ask, WARM_UP, 'warm', failed)).answers)
  await sleep(2_000)
  const base = readResident(uniroute.child.pid!)
  say(`at rest ${Math.round(base / 1024)} KB`)

  await provider.ask('behave', { gapMs, hold: true })
  const opened = await openAll(ask, streams, 'stream', failed)
  stack.defer(() => {
    for (const connection of opened.connections) connection.destroy()
  })
  await waitForStreams(provider, () => streams - failed.length)
  await sleep(2_000)
  const idleBytes = (readResident(uniroute.child.pid!) - base) / streams
  say(`${streams} open and silent: ${Math.round(idleBytes / 1024)} KB each`)

  await provider.ask('behave', { hold: false })
  let most = 0
  const watching = setInterval(() => (most = Math.max(most, readResident(uniroute.child.pid!))), 250)
  const results = await Promise.all(opened.answers)
  clearInterval(watching)
  const perStream = writeChatEvents(MODEL, '', EVENTS).length
  return {
    streams,
    whole: results.filter((received) => received === perStream).length,
    events: { sent: streams * perStream, received: results.reduce((sum, received) => sum + received, 0) },
    failed,
    idleBytes,
    activeBytes: (most - base) / streams,
    seconds: (performance.now() - from) / 1000,
  }
}

/** The answers are how many events of each came, of those that were sent. */
async function openAll(
  { uniroute, request }: { uniroute: UniRoute; request: (text: string) => Buffer },
  count: number,
  name: string,
  failed: string[],
): Promise<{ connections: LeanConnection[]; answers: Promise<number>[] }> {
  const port = Number(new URL(uniroute.url).port)
  const connections: LeanConnection[] = []
  const answers: Promise<number>[] = []
  const fail = (sentence: string): number => {
    failed.push(sentence)
    return 0
  }
  for (let at = 0; at < count; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - at) }, () => connectLean(port))
    for (const [place, connection] of (await Promise.all(some)).entries()) {
      const text = `${name} ${at + place}`
      connections.push(connection)
      const answer = connection.ask(request(text)).then(
        ({ status, body }) => {
          if (status !== 200) return fail(`${text}: ${status} ${body.toString('utf8', 0, 200)}`)
          return countEvents(text, body.toString('utf8'))
        },
        (error: Error) => fail(`${text}: ${error.message}`),
      )
      answers.push(answer)
    }
  }
  return { connections, answers }
}

function countEvents(text: string, heard: string): number {
  const expected = writeChatEvents(MODEL, `answer to ${text}`, EVENTS)
  if (heard === expected.join('')) return expected.length
  const came = new Set(heard.split('\n\n'))
  return expected.filter((event) => came.has(event.trimEnd())).length
}

/** Until all that did not fail are there. */
async function waitForStreams(provider: Child<ProviderFigures>, wanted: () => number): Promise<void> {
  const until = performance.now() + 300_000
  for (;;) {
    const { openStreams } = await provider.ask<ProviderFigures>('figures')
    if (openStreams >= wanted()) return
    if (performance.now() > until) throw new Error(`${openStreams} of ${wanted()} streams are open`)
    await sleep(200)
  }
}
