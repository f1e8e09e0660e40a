// How long an answer takes at a rate that no target has trouble with, from the moment when each request was due, beside
// the same request made to the provider directly: what a gateway adds.
import type { PaceReport } from './peers/pace.ts'
import { alignColumns, describeMachine, readLoad, saveResult, writeMachine, writeRange } from './report.ts'
import { countAnswers, runRounds, type RunOptions } from './run.ts'
import { summarise, type Range } from './statistics.ts'
import type { Target } from './target.ts'

/** The provider itself, with nothing between. */
export const direct: Target = {
  id: 'direct',
  summary: 'the provider, without a gateway',
  start: async ({ upstreamPort, providerKey }) => ({
    pid: process.pid,
    port: upstreamPort,
    credential: `Bearer ${providerKey}`,
    stop: async () => {},
  }),
}

export interface LatencyResult {
  readonly target: Target
  /** Milliseconds, by round: medians of a round's requests, and what 99 of 100 stayed below. */
  readonly p50: Range
  readonly p99: Range
  /** Of a round's median over that of `direct` in the same round; null without it. */
  readonly added: Range | null
  readonly rounds: readonly Readonly<Record<string, number>>[]
  readonly requests: number
}

export async function measureLatency(options: RunOptions & { readonly perSecond: number }): Promise<LatencyResult[]> {
  const rounds = new Map<Target, { p50: number[]; p99: number[] }>()
  const { scenario, targets, perSecond, windowMs: milliseconds } = options
  const entries = targets.map((target) => ({ scenario, target }))
  const contestants = await runRounds(entries, options, async (contestant) => {
    const report = await contestant.load.ask<PaceReport>('pace', { perSecond, milliseconds })
    countAnswers(contestant, report)
    const sorted = report.milliseconds.toSorted((a, b) => a - b)
    const figures = rounds.get(contestant.target) ?? { p50: [], p99: [] }
    figures.p50.push(quantile(sorted, 0.5))
    figures.p99.push(quantile(sorted, 0.99))
    rounds.set(contestant.target, figures)
  })
  const base = rounds.get(direct)?.p50
  return contestants.map(({ target, requests }) => {
    const { p50, p99 } = rounds.get(target)!
    const added = base && target !== direct ? p50.map((one, round) => one - base[round]!) : null
    const byRound = p50.map((one, round) => ({ p50: one, p99: p99[round]!, ...(added && { added: added[round]! }) }))
    const ranges = { p50: summarise(p50), p99: summarise(p99), added: added && summarise(added) }
    return { target, ...ranges, rounds: byRound, requests }
  })
}

/** Of sorted figures, none interpolated. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export interface LatencyRun extends RunOptions {
  readonly perSecond: number
  readonly keep: boolean
}

/** Measures, prints, writes down; returns the path of the result. */
export async function reportLatency(run: LatencyRun, print: (text: string) => void): Promise<string> {
  const { scenario, perSecond, rounds } = run
  const loadBefore = readLoad()
  const results = await measureLatency(run)
  const machine = { ...describeMachine(), loadBefore, loadAfter: readLoad() }
  const rows = results.map(({ target, p50, p99, added, requests }) => [
    target.id,
    p50.median.toFixed(2),
    writeRange(p50, 2),
    p99.median.toFixed(2),
    added ? added.median.toFixed(2) : '–',
    added ? writeRange(added, 2) : '–',
    String(requests),
  ])
  const head = ['target', 'p50 ms', 'min–max', 'p99 ms', 'added p50', 'min–max', 'checked']
  print(
    [
      `latency of ${scenario.id} at ${perSecond} requests/s, from the moment each was due: ${scenario.summary}`,
      writeMachine(machine),
      `medians of ${rounds} rounds`,
      '',
      ...alignColumns([head, ...rows]),
      '',
    ].join('\n'),
  )
  const targets = results.map(({ target, ...figures }) => ({ id: target.id, ...figures }))
  const name = `latency-${scenario.id}`
  const content = { scenario: name, perSecond, unit: 'ms', machine, rounds, targets }
  return saveResult(name, content, { keep: run.keep, date: new Date() })
}
