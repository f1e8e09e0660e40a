// Mixed traffic for as long as one likes, at a pace the server has time for: whole answers, streams, clients that go
// away, translated calls, and the control plane. What leaks shows as memory or descriptors that grow, or as an event
// loop that is late. Measured is what comes after the server has warmed up.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { startChild } from '../../../bench/peers/child.ts'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import { readResident } from '../faults/memory.ts'
import { createRandom, type Random } from '../random.ts'
import { startUniRoute } from '../uniroute-process.ts'
import { Broken, connectLean, writeChatRequest, type LeanConnection } from './lean-client.ts'
import type { ProviderFigures } from './provider-peer.ts'

export interface SoakFigures {
  readonly seconds: number
  readonly measuredSeconds: number
  readonly counts: Readonly<Record<string, number>>
  /** The first of them in words. */
  readonly failed: readonly string[]
  readonly failures: number
  /**
   * Of resident memory: what it grew by, along the line through the samples taken right after a collection, of their
   * mean. Between two of them the collector lets the heap rise and fall by a fifth for minutes, which hides a leak or
   * feigns one.
   */
  readonly growth: number
  readonly meanBytes: number
  /** The same of samples taken each second, whatever the collector did before. */
  readonly uncollected: { readonly growth: number; readonly meanBytes: number }
  /** In the first and in the last quarter of what was measured: the median. */
  readonly descriptors: { readonly first: number; readonly last: number }
  readonly loopDelayMs: { readonly p99: number; readonly most: number }
}

interface Sample {
  readonly at: number
  readonly bytes: number
  readonly descriptors: number
}

const SAMPLE_MS = 1_000
/** Of what is measured. */
const COLLECTIONS = 20
const PAUSE_MS = 40
const LANES = { whole: 6, streamed: 8, aborted: 4, translated: 4, control: 1 } as const
type Kind = keyof typeof LANES
const MOST_KEPT = 20
const RENEWAL_SECONDS = 300

interface Soak {
  readonly port: number
  readonly apiKey: string
  /** Of a session that is renewed long before it is over. */
  token: string
  readonly random: Random
  readonly counts: Record<Kind, number>
  readonly failed: string[]
  failures: number
  isOver: boolean
}

// size: one story, told in order.
export async function runSoakDrill(options: {
  readonly minutes: number
  readonly warmUpMinutes: number
  readonly say?: (line: string) => void
  /** Beside what a server has; for trying whether the drill can fail. */
  readonly env?: Readonly<Record<string, string>>
}): Promise<SoakFigures> {
  const { minutes, warmUpMinutes, say = () => {}, env = {} } = options
  await using stack = new AsyncDisposableStack()
  const provider = await startChild<ProviderFigures>(new URL('provider-peer.ts', import.meta.url), [])
  stack.defer(() => provider.stop())
  await provider.ask('behave', { delayMs: 20, events: 20, gapMs: 20 })
  const url = `http://127.0.0.1:${provider.start.port}`
  const teller = useTeller(stack)
  const uniroute = await startUniRoute({
    env: {
      OPENAI_BASE_URL: url,
      VLLM_BASE_URL: url,
      LOG_LEVEL: 'warn',
      ...env,
      NODE_OPTIONS: `${teller.option} ${env['NODE_OPTIONS'] ?? ''}`,
    },
  })
  stack.defer(async () => {
    await uniroute.stop()
    uniroute.remove()
  })
  const caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  const soak: Soak = {
    port: Number(new URL(uniroute.url).port),
    apiKey: caller.apiKey,
    token: caller.token,
    random: createRandom(),
    counts: { whole: 0, streamed: 0, aborted: 0, translated: 0, control: 0 },
    failed: [],
    failures: 0,
    isOver: false,
  }
  const lanes = (Object.keys(LANES) as Kind[]).flatMap((kind) =>
    Array.from({ length: LANES[kind] }, () => runLane(soak, kind)),
  )
  const from = performance.now()
  const samples: Sample[] = []
  const collected: Pick<Sample, 'at' | 'bytes'>[] = []
  const collectEvery = ((minutes - warmUpMinutes) * 60) / COLLECTIONS
  const pid = uniroute.child.pid!
  let measuredFrom = Infinity
  while (performance.now() - from < minutes * 60_000 && uniroute.child.exitCode === null) {
    await sleep(SAMPLE_MS)
    const at = (performance.now() - from) / 1000
    if (measuredFrom === Infinity && at >= warmUpMinutes * 60) {
      measuredFrom = at
      await teller.begin()
    }
    if (at >= measuredFrom + collected.length * collectEvery) collected.push({ at, bytes: await teller.collect() })
    const sample = { at, bytes: readResident(pid), descriptors: readdirSync(`/proc/${pid}/fd`).length }
    if (at >= measuredFrom) samples.push(sample)
    if (Math.round(at) % 60 === 0) say(describeSample(sample, soak))
    if (Math.round(at) % RENEWAL_SECONDS === 0) soak.token = await uniroute.login(caller.email, caller.password)
  }
  const loopDelayMs = await teller.readDelay()
  soak.isOver = true
  await Promise.all(lanes)
  if (uniroute.child.exitCode !== null) note(soak, `the server ended with ${uniroute.child.exitCode}`)
  const quarter = Math.max(1, Math.floor(samples.length / 4))
  const medianOf = (some: readonly Sample[]): number => median(some.map(({ descriptors }) => descriptors))
  const [after, each] = [fitGrowth(collected), fitGrowth(samples)]
  return {
    seconds: (performance.now() - from) / 1000,
    measuredSeconds: (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0),
    counts: soak.counts,
    failed: soak.failed,
    failures: soak.failures,
    growth: after.growth,
    meanBytes: after.mean,
    uncollected: { growth: each.growth, meanBytes: each.mean },
    descriptors: { first: medianOf(samples.slice(0, quarter)), last: medianOf(samples.slice(-quarter)) },
    loopDelayMs,
  }
}

function describeSample({ at, bytes, descriptors }: Sample, { counts, failures }: Soak): string {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return `${Math.round(at / 60)} min: ${Math.round(bytes / 1024 ** 2)} MB, ${descriptors} descriptors, ${all} calls, ${failures} failed`
}

async function runLane(soak: Soak, kind: Kind): Promise<void> {
  let connection: LeanConnection | null = null
  while (!soak.isOver) {
    connection ??= await connectLean(soak.port)
    try {
      await askOnce(soak, kind, connection)
    } catch (error) {
      if (!(error instanceof Broken)) throw error
      connection = null
      if (kind !== 'aborted') note(soak, `${kind}: ${error.message}`)
    }
    soak.counts[kind]++
    await sleep(PAUSE_MS + soak.random.below(PAUSE_MS))
  }
  connection?.destroy()
}

async function askOnce(soak: Soak, kind: Kind, connection: LeanConnection): Promise<void> {
  const leaving = kind === 'aborted' ? setTimeout(() => connection.destroy(), soak.random.below(450)) : undefined
  try {
    const { status, body } = await connection.ask(writeRequest(soak, kind))
    const text = body.toString('utf8')
    const isWhole = kind !== 'streamed' || text.trimEnd().endsWith('data: [DONE]')
    if (status !== 200 || !isWhole) note(soak, `${kind}: ${status} ${text.slice(-200)}`)
  } finally {
    clearTimeout(leaving)
  }
}

function writeRequest({ apiKey, token, random, counts }: Soak, kind: Kind): Buffer {
  if (kind === 'control') {
    const paths = ['/auth/profile', '/admin/provider-keys', '/auth/api-keys', '/ready']
    return writeGet(paths[counts.control % paths.length]!, token)
  }
  if (kind === 'translated') return writeMessages(apiKey, random.chance(0.5))
  const text = 'word '.repeat(random.below(400))
  return writeChatRequest({ apiKey, model: 'gpt-4o', text, stream: kind !== 'whole' })
}

function writeGet(path: string, token: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n\r\n`)
}

/** Of an Anthropic client, answered by a server that speaks chat completions. */
function writeMessages(apiKey: string, stream: boolean): Buffer {
  const messages = [{ role: 'user', content: 'hello' }]
  const body = JSON.stringify({ model: 'vllm/some-model', max_tokens: 100, stream, messages })
  const head = `POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: ${apiKey}\r\nanthropic-version: 2023-06-01\r\n`
  return Buffer.from(`${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
}

function note(soak: Soak, sentence: string): void {
  soak.failures++
  if (soak.failed.length < MOST_KEPT) soak.failed.push(sentence)
}

/** Least squares: the line's rise over all samples, as a share of their mean. */
export function fitGrowth(samples: readonly Pick<Sample, 'at' | 'bytes'>[]): { growth: number; mean: number } {
  const count = samples.length
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / count
  const mean = samples.reduce((sum, { bytes }) => sum + bytes, 0) / count
  let [over, under] = [0, 0]
  for (const { at, bytes } of samples) {
    over += (at - meanAt) * (bytes - mean)
    under += (at - meanAt) ** 2
  }
  const span = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0)
  return { growth: under === 0 ? 0 : ((over / under) * span) / mean, mean }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

/** What the server tells of itself, through a socket of its own that a module opens inside it. */
function useTeller(stack: AsyncDisposableStack) {
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-soak-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const [module, socket] = [join(folder, 'tell.mjs'), join(folder, 'socket')]
  writeFileSync(module, TELLER.replace('SOCKET', JSON.stringify(socket)))
  async function ask<Told>(what: 'begin' | 'collect' | 'delay'): Promise<Told> {
    const asking = connect(socket)
    asking.write(what)
    return JSON.parse(await text(asking)) as Told
  }
  return {
    option: `--import=${pathToFileURL(module).href}`,
    /** How late the loop is counts from here. */
    begin: () => ask('begin'),
    /** Resident bytes once everything that nobody holds has been given back. */
    collect: () => ask<number>('collect'),
    readDelay: () => ask<SoakFigures['loopDelayMs']>('delay'),
  }
}

const TELLER = `
import { createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'
if (isMainThread) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const answers = {
    begin: () => delay.enable(),
    collect() {
      const isMeasuring = delay.disable()
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
      if (isMeasuring) delay.enable()
      return process.memoryUsage.rss()
    },
    delay: () => ({ p99: delay.percentile(99) / 1e6, most: delay.max / 1e6 }),
  }
  createServer((asking) => asking.once('data', (what) => asking.end(JSON.stringify(answers[what]())))).listen(SOCKET).unref()
}
`
