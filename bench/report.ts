// What a run says: a table for people, a file to compare with later. Figures without the machine mean nothing, so both
// begin with it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readCommit } from '../test/support/drills/machine.ts'
import type { TargetResult } from './run.ts'
import type { Scenario } from './scenario.ts'
import { compareRanges, summarise, summariseRatios, type Range } from './statistics.ts'

const RESULTS = fileURLToPath(new URL('results', import.meta.url))

/** Fewer give ranges that nobody should judge by. */
export const LEAST_ROUNDS = 5

export interface Machine {
  readonly node: string
  readonly cores: number
  readonly model: string
  readonly gigabytes: number
}

export interface Report {
  readonly scenario: Scenario
  readonly machine: Machine
  readonly loadBefore: number
  readonly loadAfter: number
  /** Ratios to each of these are given; the first is the one verdicts go by. */
  readonly references: readonly string[]
  readonly rows: readonly Row[]
}

interface Row {
  readonly result: TargetResult
  readonly cost: Range
  /** What of the cost is the kernel's. */
  readonly system: Range
  readonly requestsPerSecond: Range
  /** By the id of the reference. */
  readonly ratios: Readonly<Record<string, Range>>
}

export function describeMachine(): Machine {
  const all = cpus()
  const gigabytes = Math.round(totalmem() / 1024 ** 3)
  return { node: process.versions.node, cores: all.length, model: all[0]?.model.trim() ?? 'unknown', gigabytes }
}

export function readLoad(): number {
  return Math.round(loadavg()[0]! * 100) / 100
}

export function createReport(facts: Omit<Report, 'rows' | 'machine'>, results: readonly TargetResult[]): Report {
  const costsOf = ({ measurements }: TargetResult): number[] => measurements.map((one) => one.microsecondsPerUnit)
  const references = results.filter(({ target }) => facts.references.includes(target.id))
  const rows = results.map((result) => ({
    result,
    cost: summarise(costsOf(result)),
    system: summarise(result.measurements.map((one) => one.systemMicrosecondsPerUnit)),
    requestsPerSecond: summarise(result.measurements.map((one) => one.requestsPerSecond)),
    ratios: Object.fromEntries(
      references.map((reference) => [reference.target.id, summariseRatios(costsOf(result), costsOf(reference))]),
    ),
  }))
  return { ...facts, machine: describeMachine(), rows }
}

export function printReport(report: Report): string {
  const { scenario, machine, references, rows } = report
  const ratioHead = references.flatMap((id) => [`× ${id}`, 'min–max'])
  const head = ['target', `CPU µs/${scenario.unit}`, 'min–max', 'of it system', ...ratioHead]
  const table = rows.map(({ result, cost, system, ratios, requestsPerSecond }) => [
    result.target.id,
    cost.median.toFixed(1),
    writeRange(cost, 1),
    system.median.toFixed(1),
    ...references.flatMap((id) => [ratios[id]!.median.toFixed(2), writeRange(ratios[id]!, 2)]),
    requestsPerSecond.median.toFixed(0),
    String(result.requests),
  ])
  return [
    `${scenario.id}: ${scenario.summary}`,
    writeMachine({ ...machine, loadBefore: report.loadBefore, loadAfter: report.loadAfter }),
    `processor time of the target per ${scenario.unit}, user + system, all threads and children; medians of ${rows[0]?.result.measurements.length ?? 0} rounds`,
    '',
    ...alignColumns([[...head, 'req/s', 'checked'], ...table]),
    '',
    ...writeVerdicts(report),
    '',
  ].join('\n')
}

/** A line above every table: figures without it say nothing. */
export function writeMachine(machine: Machine & { readonly loadBefore: number; readonly loadAfter: number }): string {
  const { node, cores, model, gigabytes, loadBefore, loadAfter } = machine
  const load = `load average ${loadBefore} before, ${loadAfter} after`
  return `commit ${COMMIT} · Node ${node} · ${cores} × ${model}, ${gigabytes} GB · ${load}`
}

/** Absolute figures drift, so ratios to the first reference are compared, and only ranges that do not touch decide. */
function writeVerdicts({ references, rows }: Report): string[] {
  const [reference] = references
  if (reference === undefined) return ['no verdict: no reference ran']
  const rounds = rows[0]?.result.measurements.length ?? 0
  if (rounds < LEAST_ROUNDS) return [`no verdict: ${rounds} of at least ${LEAST_ROUNDS} rounds`]
  const others = rows.filter(({ result }) => result.target.id !== reference)
  return others.flatMap((row, place) =>
    [rows.find(({ result }) => result.target.id === reference)!, ...others.slice(0, place)].map((other) => {
      const [range, otherRange] = [row.ratios[reference]!, other.ratios[reference]!]
      return `${row.result.target.id} against ${other.result.target.id}: ${compareRanges(range, otherRange)}`
    }),
  )
}

/** Returns the path. Without `keep` the file is one that git ignores. */
export function saveReport(report: Report, how: { keep: boolean; date: Date }): string {
  const { scenario, machine, loadBefore, loadAfter } = report
  const content = {
    scenario: scenario.id,
    summary: scenario.summary,
    unit: scenario.unit,
    machine: { ...machine, loadBefore, loadAfter },
    targets: report.rows.map(({ result, cost, system, ratios, requestsPerSecond }) => ({
      id: result.target.id,
      microsecondsPerUnit: cost,
      systemMicrosecondsPerUnit: system,
      ratios,
      requestsPerSecond,
      requests: result.requests,
      rounds: result.measurements,
    })),
  }
  return saveResult(scenario.id, content, how)
}

/** Of what runs. */
export const COMMIT = readCommit()

export function saveResult(name: string, result: object, { keep, date }: { keep: boolean; date: Date }): string {
  mkdirSync(RESULTS, { recursive: true })
  const content = { date: date.toISOString(), commit: COMMIT, ...result }
  const stamp = date.toISOString().slice(0, 19).replaceAll(':', '')
  const path = join(RESULTS, `${stamp}-${name}${keep ? '.kept' : ''}.json`)
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`)
  return path
}

export function writeRange({ least, most }: Range, digits: number): string {
  return `${least.toFixed(digits)}–${most.toFixed(digits)}`
}

export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  '),
  )
}
