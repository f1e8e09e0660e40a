// One run of a scenario: all targets at once, measured in turns, round by round, so that whatever else the machine does
// meets them alike. Then the books: the provider's count and the target's own must both be the requests that were made.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFakeKey } from '../test/fake-provider/fake-keys.ts'
import { startChild, type Child } from './peers/child.ts'
import type { LoadReport, LoadSetting } from './peers/load.ts'
import { readProcessorTime } from './processor-time.ts'
import { REWRITES, type Scenario } from './scenario.ts'
import type { RunningTarget, Target } from './target.ts'

export interface RunOptions {
  readonly scenario: Scenario
  readonly targets: readonly Target[]
  readonly rounds: number
  readonly warmUpMs: number
  readonly windowMs: number
  readonly profileFolder: string | null
  readonly say: (line: string) => void
}

export interface Measurement {
  readonly requests: number
  /** Of the scenario's unit. */
  readonly microsecondsPerUnit: number
  readonly requestsPerSecond: number
}

export interface TargetResult {
  readonly target: Target
  /** By round. */
  readonly measurements: readonly Measurement[]
  /** Warm-up included. */
  readonly requests: number
}

export interface Contestant {
  readonly target: Target
  readonly providerKey: string
  readonly running: RunningTarget
  readonly load: Child<object>
  readonly measurements: Measurement[]
  requests: number
}

/** Background work that a window left behind counts for it: waited for until the process rests, but no longer. */
const REST_CHECK_MS = 300
const LONGEST_REST_MS = 5_000
const TICK_MICROSECONDS = 10_000

export class WrongResult extends Error {
  override readonly name = 'WrongResult'
}

/** Throws a WrongResult where any exchange or any book was wrong: such a run has no figures. */
export async function runScenario(options: RunOptions): Promise<TargetResult[]> {
  const { scenario, windowMs } = options
  const contestants = await runRounds(options, (contestant) => measure(contestant, scenario, windowMs))
  return contestants.map(({ target, measurements, requests }) => ({ target, measurements, requests }))
}

/** Starts and warms all targets, lets `measureOne` measure each in every round, and checks the books. */
export async function runRounds(
  options: RunOptions,
  measureOne: (contestant: Contestant) => Promise<void>,
): Promise<readonly Contestant[]> {
  const { scenario, say } = options
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const upstream = await startChild<{ port: number }>(new URL('peers/fake-upstream.ts', import.meta.url), [scenario.id])
  stack.defer(() => upstream.stop())
  const contestants: Contestant[] = []
  for (const target of options.targets) {
    say(`starting ${target.id}`)
    contestants.push(await startContestant(options, target, upstream.start.port, join(folder, target.id), stack))
  }
  say(`warming up, ${options.warmUpMs / 1000} s each`)
  for (const contestant of contestants) await apply(contestant, options.warmUpMs)
  for (let round = 0; round < options.rounds; round++) {
    say(`round ${round + 1} of ${options.rounds}`)
    // Each begins in turn, so that none always comes after the same neighbour's leftovers.
    const order = contestants.map((_, place) => contestants[(place + round) % contestants.length]!)
    for (const contestant of order) await measureOne(contestant)
  }
  say('checking the books')
  const served = await upstream.ask<Record<string, number>>('served')
  for (const contestant of contestants) await checkBooks(contestant, served)
  return contestants
}

async function startContestant(
  { scenario, profileFolder }: RunOptions,
  target: Target,
  upstreamPort: number,
  folder: string,
  stack: AsyncDisposableStack,
): Promise<Contestant> {
  mkdirSync(folder)
  const providerKey = createFakeKey(scenario.provider, `bench-${target.id}${target.rewrites ? REWRITES : ''}`)
  const running = await target.start({ scenario, upstreamPort, folder, providerKey, profileFolder })
  stack.defer(() => running.stop())
  const load = await startChild<object>(new URL('peers/load.ts', import.meta.url), [
    scenario.id,
    JSON.stringify({
      variant: scenario.untranslated && !target.translates ? 'untranslated' : 'as-asked',
      port: running.port,
      headers: { authorization: running.credential, ...running.headers },
    } satisfies LoadSetting),
  ])
  stack.defer(() => load.stop())
  return { target, providerKey, running, load, measurements: [], requests: 0 }
}

async function measure(contestant: Contestant, scenario: Scenario, windowMs: number): Promise<void> {
  const { pid } = contestant.running
  await rest(pid)
  const before = readProcessorTime(pid)
  const { requests, milliseconds } = await apply(contestant, windowMs)
  const microseconds = (await rest(pid)) - before
  contestant.measurements.push({
    requests,
    microsecondsPerUnit: microseconds / (requests * scenario.unitsPerRequest),
    requestsPerSecond: (requests / milliseconds) * 1000,
  })
}

async function apply(contestant: Contestant, milliseconds: number): Promise<LoadReport> {
  const report = await contestant.load.ask<LoadReport>('load', milliseconds)
  countAnswers(contestant, report)
  return report
}

/** A WrongResult where one was wrong. */
export function countAnswers(contestant: Contestant, report: Pick<LoadReport, 'requests' | 'failures' | 'sentences'>) {
  const { requests, failures, sentences } = report
  if (failures > 0) {
    throw new WrongResult(
      `${contestant.target.id}: ${failures} of ${failures + requests} answers were wrong. ${sentences.join(' | ')}`,
    )
  }
  contestant.requests += requests
}

/** Waits until the process uses no processor time to speak of; returns its time so far. */
async function rest(pid: number): Promise<number> {
  const deadline = performance.now() + LONGEST_REST_MS
  let before = readProcessorTime(pid)
  for (;;) {
    await sleep(REST_CHECK_MS)
    const now = readProcessorTime(pid)
    if (now - before <= TICK_MICROSECONDS || performance.now() > deadline) return now
    before = now
  }
}

async function checkBooks(contestant: Contestant, served: Readonly<Record<string, number>>): Promise<void> {
  const { target, running, requests, providerKey } = contestant
  const count = served[providerKey] ?? 0
  if (count !== requests) {
    throw new WrongResult(
      `${target.id}: the provider served ${count} requests with its key, the clients made ${requests}.`,
    )
  }
  const complaint = await running.checkBooks?.(requests)
  if (complaint) throw new WrongResult(`${target.id}: ${complaint}.`)
}
