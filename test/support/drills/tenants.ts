// Two tenants through one process, interleaved on shared connections to one provider, with clients that go away and
// connections that are killed: never one's key with the other's words, never one's answer to the other.
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../../../bench/peers/child.ts'
import { createFakeKey } from '../../fake-provider/fake-keys.ts'
import type { Leak } from '../canary-scan.ts'
import { createRandom, type Random } from '../random.ts'
import type { Caller } from '../uniroute-client.ts'
import { startUniRoute } from '../uniroute-process.ts'
import { Broken, connectLean, writeChatRequest, type LeanConnection } from './lean-client.ts'
import type { ProviderFigures } from './provider-peer.ts'

export interface TenantFigures {
  readonly requests: number
  readonly answered: number
  readonly aborted: number
  /** Refused or broken off because the provider's connection was killed. */
  readonly killed: number
  readonly mixUps: readonly string[]
  readonly failed: readonly string[]
  readonly seconds: number
  readonly leaks: readonly Leak[]
  readonly seed: number
}

const TENANTS = ['tenant1', 'tenant2'] as const
const WIDTH = 48
/** Of the requests; about three in five of them leave before they are answered. */
const ABORTED = 0.34
const KILLED = 0.02
const MOST_KEPT = 20

interface Tally {
  requests: number
  answered: number
  aborted: number
  killed: number
  /** Of an answer, so that aborts fall before, within and after it on any machine. */
  usualMs: number
  readonly mixUps: string[]
  readonly failed: string[]
}

export async function runTenantDrill(options: {
  readonly requests: number
  readonly isOver?: () => boolean
  readonly say?: (line: string) => void
}): Promise<TenantFigures> {
  const { requests, isOver = () => false, say = () => {} } = options
  const random = createRandom()
  const provider = await startChild<ProviderFigures>(new URL('provider-peer.ts', import.meta.url), [])
  await provider.ask('behave', { gapMs: 1, killShare: KILLED })
  const uniroute = await startUniRoute({
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${provider.start.port}`, LOG_LEVEL: 'warn' },
  })
  const callers: Caller[] = []
  for (const tenant of TENANTS) {
    callers.push(
      await uniroute.createCaller({ keys: { openai: createFakeKey('openai', tenant) }, accountFallback: 'never' }),
    )
  }
  const tally: Tally = { requests: 0, answered: 0, aborted: 0, killed: 0, usualMs: 20, mixUps: [], failed: [] }
  const port = Number(new URL(uniroute.url).port)
  const from = performance.now()
  await Promise.all(
    Array.from({ length: WIDTH }, async () => {
      const lane: Lane = { connection: null, port, callers, random, tally }
      while (tally.requests < requests && !isOver()) {
        await askOnce(lane, tally.requests++)
        if (tally.requests % 50_000 === 0) say(`${tally.requests} requests`)
      }
      lane.connection?.destroy()
    }),
  )
  const seconds = (performance.now() - from) / 1000
  const { mixUps } = await provider.ask<ProviderFigures>('figures')
  const code = await uniroute.stop()
  await provider.stop()
  if (code !== 0) tally.failed.push(`it ended with ${code}`)
  const { usualMs: _usualMs, ...counts } = tally
  const leaks = uniroute.scanAndRemove()
  return { ...counts, mixUps: [...tally.mixUps, ...mixUps], seconds, leaks, seed: random.seed }
}

interface Lane {
  connection: LeanConnection | null
  readonly port: number
  readonly callers: readonly Caller[]
  readonly random: Random
  readonly tally: Tally
}

async function askOnce(lane: Lane, number: number): Promise<void> {
  const { callers, random, tally } = lane
  const at = random.below(TENANTS.length)
  const { apiKey, providerKeyIds } = callers[at]!
  const words = `${TENANTS[at]!} number ${number}.`
  const connection = (lane.connection ??= await connectLean(lane.port))
  const going = new AbortController()
  let leaves = false
  if (random.chance(ABORTED)) {
    leaves = true
    void leaveAfter(random.below(120) / 100, tally.usualMs, going.signal, connection)
  }
  const from = performance.now()
  try {
    const request = writeChatRequest({ apiKey, model: 'gpt-4o', text: words, stream: random.chance(0.5) })
    const { status, head, body } = await connection.ask(request)
    const text = body.toString('utf8')
    checkAnswer({ status, head, text }, words, providerKeyIds['openai']![0]!, tally)
    tally.usualMs += (performance.now() - from - tally.usualMs) / 50
  } catch (error) {
    lane.connection = null
    if (!(error instanceof Broken)) throw error
    if (leaves) tally.aborted++
    else keep(tally.failed, `${words} ${error.message}`)
  } finally {
    going.abort()
  }
}

async function leaveAfter(part: number, usualMs: number, signal: AbortSignal, from: LeanConnection): Promise<void> {
  try {
    await sleep(part * usualMs, undefined, { signal })
    from.destroy()
  } catch (error) {
    // It was answered first, and stays.
    if ((error as Error).name !== 'AbortError') throw error
  }
}

/** Every answer names its question: another one in it belongs to somebody else, or to another request. */
function checkAnswer(
  { status, head, text }: { status: number; head: string; text: string },
  words: string,
  keyId: string,
  tally: Tally,
): void {
  for (const [found] of text.matchAll(/tenant\d+ number \d+\./g)) {
    if (found !== words) keep(tally.mixUps, `${words} got ${found}`)
  }
  const key = /^x-uniroute-key: (\S+)/im.exec(head)?.[1]
  if (key !== undefined && key !== keyId) keep(tally.mixUps, `${words} was told of the key ${key}`)
  const isWhole = text.trimEnd().endsWith('}') || text.includes('data: [DONE]')
  if (status === 200 && isWhole && text.includes(`answer to ${words}`)) tally.answered++
  else if (status >= 500 || text.includes('"error"')) tally.killed++
  else keep(tally.failed, `${words} ${status} ${text.slice(0, 200)}`)
}

function keep(list: string[], sentence: string): void {
  if (list.length < MOST_KEPT) list.push(sentence)
}
