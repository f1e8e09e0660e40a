// kill -9 under load, again and again on the same data: each call that reached the provider has exactly one record.
// Every request asks for a model of its own name, so a record can be told from the others even if no answer ever came.
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChild } from '../../../bench/peers/child.ts'
import { createFakeKey, createFakePassword } from '../../fake-provider/fake-keys.ts'
import type { Leak } from '../canary-scan.ts'
import { createRandom, type Random } from '../random.ts'
import type { Caller } from '../uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../uniroute-process.ts'
import { Broken, connectLean, writeChatRequest, type LeanConnection } from './lean-client.ts'
import type { ProviderFigures } from './provider-peer.ts'

export interface CrashFigures {
  readonly kills: number
  /** While there was load. */
  readonly requestsPerSecond: number
  readonly answered: number
  readonly upstreamCalls: number
  readonly records: number
  /** Names of models: calls without a record, records beyond the calls, answered requests without a row. */
  readonly lost: readonly string[]
  readonly doubled: readonly string[]
  readonly unrecorded: readonly string[]
  /** Intents whose call the kill prevented, and those of them that are not told as interrupted. */
  readonly neverSent: number
  readonly wronglySettled: readonly string[]
  /** Answers other than 200, and connections that broke while nothing was killed. */
  readonly failed: readonly string[]
  readonly startMs: { readonly median: number; readonly most: number }
  readonly lastExit: number | null
  readonly leaks: readonly Leak[]
  readonly seed: number
}

const WIDTH = 32
const STREAMED = 0.3

interface Tally {
  sent: number
  loadMs: number
  readonly answered: Set<string>
  readonly failed: string[]
}

// size: one story, told in order.
export async function runCrashDrill(options: {
  readonly kills: number
  readonly loadMs?: { readonly least: number; readonly most: number }
  readonly say?: (line: string) => void
  /** Looked at before each further kill. */
  readonly isOver?: () => boolean
}): Promise<CrashFigures> {
  const { kills, loadMs = { least: 300, most: 1_500 }, say = () => {}, isOver = () => false } = options
  const random = createRandom()
  const provider = await startChild<ProviderFigures>(new URL('provider-peer.ts', import.meta.url), [])
  const dataDir = mkdtempSync(join(tmpdir(), 'uniroute-crash-'))
  const adminAccount = { email: 'admin@example.com', password: createFakePassword() }
  const start = (): Promise<UniRoute> =>
    startUniRoute({
      dataDir,
      adminAccount,
      env: {
        OPENAI_BASE_URL: `http://127.0.0.1:${provider.start.port}`,
        LOG_LEVEL: 'warn',
      },
    })
  const tally: Tally = { sent: 0, loadMs: 0, answered: new Set(), failed: [] }
  const calls = new Map<string, number>()
  const startTimes: number[] = []
  let caller: Caller | undefined
  let killed = 0
  while (killed < kills && !isOver()) {
    const from = performance.now()
    const uniroute = await start()
    startTimes.push(performance.now() - from)
    caller ??= await uniroute.createCaller({ keys: { openai: createFakeKey('openai', 'load') } })
    await loadAndKill(uniroute, caller.apiKey, loadMs.least + random.below(loadMs.most - loadMs.least), tally, random)
    killed++
    for (const [model, count] of await provider.ask<[string, number][]>('takeCalls')) {
      calls.set(model, (calls.get(model) ?? 0) + count)
    }
    if (killed % 10 === 0) say(`${killed} kills, ${tally.sent} requests`)
  }
  // A clean start adopts what the killed ones left, a clean stop writes all of it.
  const last = await start()
  await sleep(1_500)
  const lastExit = await last.stop()
  await provider.stop()
  const { attempts, requests } = readRecords(dataDir)
  const leaks = last.scanAndRemove()
  rmSync(dataDir, { recursive: true, force: true })
  const rows = countBy(attempts.map(({ model }) => model))
  const recorded = new Set(requests.map(({ model }) => model))
  const unsent = attempts.filter(({ model }) => !calls.has(model))
  const sorted = startTimes.toSorted((a, b) => a - b)
  return {
    kills: killed,
    requestsPerSecond: Math.round((tally.sent / tally.loadMs) * 1000),
    answered: tally.answered.size,
    upstreamCalls: [...calls.values()].reduce((sum, count) => sum + count, 0),
    records: attempts.length,
    lost: [...calls].filter(([model, count]) => (rows.get(model) ?? 0) < count).map(([model]) => model),
    doubled: [...rows].filter(([model, count]) => count > Math.max(1, calls.get(model) ?? 0)).map(([model]) => model),
    unrecorded: [...tally.answered].filter((model) => !recorded.has(model)),
    neverSent: unsent.length,
    wronglySettled: unsent.filter(({ outcome }) => outcome !== 'interrupted').map(({ model }) => model),
    failed: tally.failed,
    startMs: { median: sorted[Math.floor(sorted.length / 2)] ?? 0, most: sorted.at(-1) ?? 0 },
    lastExit,
    leaks,
    seed: random.seed,
  }
}

async function loadAndKill(
  uniroute: UniRoute,
  apiKey: string,
  milliseconds: number,
  tally: Tally,
  random: Random,
): Promise<void> {
  const port = Number(new URL(uniroute.url).port)
  const load = { running: true }
  const connections: LeanConnection[] = []
  const lane = async (): Promise<void> => {
    const connection = await connectLean(port)
    connections.push(connection)
    while (load.running) {
      const model = `gpt-kill-${tally.sent++}`
      const { status, body } = await connection.ask(
        writeChatRequest({ apiKey, model, text: 'hello', stream: random.chance(STREAMED) }),
      )
      if (status === 200) tally.answered.add(model)
      else tally.failed.push(`${status} ${body.toString('utf8', 0, 200)}`)
    }
  }
  const from = performance.now()
  const lanes = Array.from({ length: WIDTH }, () =>
    lane().catch((error: unknown) => {
      // The killed process breaks every connection; before that nothing may fail.
      if (!(error instanceof Broken) || !uniroute.child.killed) tally.failed.push(String(error))
    }),
  )
  await sleep(milliseconds)
  tally.loadMs += performance.now() - from
  await uniroute.kill9()
  load.running = false
  for (const connection of connections) connection.destroy()
  await Promise.all(lanes)
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

interface Row {
  readonly model: string
  readonly outcome: string
}

function readRecords(dataDir: string): { attempts: Row[]; requests: Row[] } {
  const database = new DatabaseSync(join(dataDir, 'uniroute.db'), { readOnly: true })
  const read = (table: string, column: string): Row[] =>
    database
      .prepare(`SELECT ${column} AS model, outcome FROM ${table} WHERE ${column} LIKE 'gpt-kill-%'`)
      .all() as unknown as Row[]
  const records = { attempts: read('attempts', 'model'), requests: read('requests', 'requested_model') }
  database.close()
  return records
}
