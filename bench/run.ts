// One run: all targets at once, measured in turns, round by round, so that whatever else the machine does meets them
// alike. Then the books: the provider's count and the target's own must both be the requests that were made.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFakeKey } from '../test/fake-provider/fake-keys.ts'
import { startChild, type Child } from './peers/child.ts'
import type { LoadReport, LoadSetting } from './peers/load.ts'
import { readProcessorTime, type ProcessorTime } from './processor-time.ts'
import { REWRITES, type Scenario } from './scenario.ts'
import type { RunningTarget, Target } from './target.ts'

/** How a run goes, whatever it measures. */
export interface Pace {
  readonly rounds: number
  readonly warmUpMs: number
  readonly windowMs: number
  readonly profileFolder: string | null
  readonly say: (line: string) => void
}

export interface RunOptions extends Pace {
  readonly scenario: Scenario
  readonly targets: readonly Target[]
}

/** What is measured beside others: a target under a load. */
export interface Entry {
  readonly scenario: Scenario
  readonly target: Target
}

export interface Measurement {
  readonly requests: number
  /** Of the scenario's unit: user and system together, and the share of the latter. */
  readonly microsecondsPerUnit: number
  readonly systemMicrosecondsPerUnit: number
  readonly requestsPerSecond: number
}

export interface TargetResult extends Entry {
  /** By round. */
  readonly measurements: readonly Measurement[]
  /** Warm-up included. */
  readonly requests: number
}

export interface Contestant extends Entry {
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
export function runScenario({ scenario, targets, ...pace }: RunOptions): Promise<TargetResult[]> {
  return runEntries(
    targets.map((target) => ({ scenario, target })),
    pace,
  )
}

/** The same for several loads at once. */
export async function runEntries(entries: readonly Entry[], pace: Pace): Promise<TargetResult[]> {
  const contestants = await runRounds(entries, pace, (contestant) => measure(contestant, pace.windowMs))
  return contestants.map(({ target, scenario, measurements, requests }) => ({
    target,
    scenario,
    measurements,
    requests,
  }))
}

/** Starts and warms all targets, lets `measureOne` measure each in every round, and checks the books. */
export async function runRounds(
  entries: readonly Entry[],
  pace: Pace,
  measureOne: (contestant: Contestant) => Promise<void>,
): Promise<readonly Contestant[]> {
  const { say } = pace
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'uniroute-bench-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const upstreams = new Map<Scenario, Upstream>()
  const contestants: Contestant[] = []
  for (const entry of entries) {
    say(`starting ${entry.target.id}`)
    const upstream = upstreams.get(entry.scenario) ?? (await startUpstream(entry.scenario, stack))
    upstreams.set(entry.scenario, upstream)
    const own = join(folder, String(contestants.length))
    contestants.push(await startContestant(entry, pace, { upstream, folder: own, stack }))
  }
  say(`warming up, ${pace.warmUpMs / 1000} s each`)
  for (const contestant of contestants) await apply(contestant, pace.warmUpMs)
  for (let round = 0; round < pace.rounds; round++) {
    say(`round ${round + 1} of ${pace.rounds}`)
    // Each begins in turn, so that none always comes after the same neighbour's leftovers.
    const order = contestants.map((_, place) => contestants[(place + round) % contestants.length]!)
    for (const contestant of order) await measureOne(contestant)
  }
  say('checking the books')
  for (const contestant of contestants) {
    await checkBooks(contestant, await upstreams.get(contestant.scenario)!.ask<Record<string, number>>('served'))
  }
  return contestants
}

export type Upstream = Child<{ port: number }>

export async function startUpstream(scenario: Scenario, stack: AsyncDisposableStack): Promise<Upstream> {
  const upstream: Upstream = await startChild(new URL('peers/fake-upstream.ts', import.meta.url), [scenario.id])
  stack.defer(() => upstream.stop())
  return upstream
}

export async function startContestant(
  { scenario, target }: Entry,
  { profileFolder }: Pick<Pace, 'profileFolder'>,
  { upstream, folder, stack }: { upstream: Upstream; folder: string; stack: AsyncDisposableStack },
): Promise<Contestant> {
  mkdirSync(folder)
  const providerKey = createFakeKey(scenario.provider, `bench-${target.id}${target.rewrites ? REWRITES : ''}`)
  const upstreamPort = upstream.start.port
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
  return { scenario, target, providerKey, running, load, measurements: [], requests: 0 }
}

async function measure(contestant: Contestant, windowMs: number): Promise<void> {
  const { pid } = contestant.running
  await rest(pid)
  const before = readProcessorTime(pid)
  const { requests, milliseconds } = await apply(contestant, windowMs)
  const after = await rest(pid)
  const units = requests * contestant.scenario.unitsPerRequest
  const system = after.system - before.system
  contestant.measurements.push({
    requests,
    microsecondsPerUnit: (after.user - before.user + system) / units,
    systemMicrosecondsPerUnit: system / units,
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
export async function rest(pid: number): Promise<ProcessorTime> {
  const deadline = performance.now() + LONGEST_REST_MS
  let before = readProcessorTime(pid)
  for (;;) {
    await sleep(REST_CHECK_MS)
    const now = readProcessorTime(pid)
    const used = now.user - before.user + now.system - before.system
    if (used <= TICK_MICROSECONDS || performance.now() > deadline) return now
    before = now
  }
}

export async function checkBooks(contestant: Contestant, served: Readonly<Record<string, number>>): Promise<void> {
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
