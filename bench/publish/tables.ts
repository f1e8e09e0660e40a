// The tables of docs/benchmark.md, made from the kept results.
import { SCENARIOS } from '../scenarios.ts'
import type { Range } from '../statistics.ts'
import { FLAT, FLAT_GOALS, GOALS, judgeStage, measureFlatness, measureGoal, type Goal } from './goals.ts'
import { listFigures, listPoint, mergeRatios, mergeRuns, RUNS, type Runs } from './kept.ts'

export type Kept = ReadonlyMap<string, Runs>

export const COMPARED = ['node-proxy', 'uniroute', 'portkey'] as const
const COST = 'microsecondsPerUnit'

export function writeRange(range: Range | null, digits: number): string {
  if (range === null) return '–'
  const { median, least, most } = range
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`
}

/** Ratios to nginx, in the same rounds. */
export function readRatio(runs: Runs, target: string): Range | null {
  return mergeRatios(listFigures(runs, target, COST), listFigures(runs, 'nginx', COST))
}

/** Those that measure processor time and have nginx beside them, in the order of the benchmark. */
export function listCosts(kept: Kept): Runs[] {
  const runs = [...SCENARIOS.keys()].flatMap((id) => kept.get(id) ?? [])
  return runs.filter((one) => mergeRuns(listFigures(one, 'nginx', COST)) !== null)
}

export function writeCosts(kept: Kept): string[] {
  const rows = listCosts(kept).map((runs) => {
    const figure = (target: string, name: string): Range | null => mergeRuns(listFigures(runs, target, name))
    const own = figure('uniroute', COST)
    const system = figure('uniroute', 'systemMicrosecondsPerUnit')
    return [
      runs.scenario,
      runs.newest.unit,
      figure('nginx', COST)!.median.toFixed(1),
      own ? `${own.median.toFixed(1)}${system ? `, ${system.median.toFixed(1)}` : ''}` : '–',
      ...COMPARED.map((target) => writeRange(readRatio(runs, target), 1)),
      ...writeOrigin(runs),
    ]
  })
  const ratios = COMPARED.map((target) => `${target} × nginx (least–most)`)
  return table(['scenario', 'per', 'nginx, CPU µs', 'uniroute, CPU µs, of it system', ...ratios, 'runs', 'load'], rows)
}

/** How many runs, and how busy the machine was at the worst. */
function writeOrigin({ all }: Runs): string[] {
  return [String(all.length), Math.max(...all.map(({ machine }) => machine.loadBefore)).toFixed(1)]
}

/** The others, one table for each: what a round told, by target. */
export function writeFigures(
  kept: Kept,
  { scenario, figures, digits }: { scenario: string; figures: Readonly<Record<string, string>>; digits: number },
): string[] {
  const runs = kept.get(scenario)
  if (!runs) return []
  const targets = [...new Set(runs.all.flatMap(({ targets: all = [] }) => all.map(({ id }) => id)))]
  const rows = targets.map((target) => [
    target,
    ...Object.keys(figures).map((name) => writeRange(mergeRuns(listFigures(runs, target, name)), digits)),
  ])
  const [count, load] = writeOrigin(runs)
  const about = `\`${scenario}\`: ${runs.newest.summary ?? ''} (${count} ${count === '1' ? 'run' : 'runs'}, load ${load})`
  return [about, '', ...table(['target', ...Object.values(figures)], rows), '']
}

export function writeGoals(kept: Kept): string[] {
  const rows = GOALS.map((goal) => {
    const measured = measureGoal(goal, kept.get(goal.scenario))
    const [first, then] = goal.stages
    return [
      goal.what,
      goal.against ?? 'itself',
      measured === null ? '–' : writeMeasured(goal, measured),
      `${writeLimit(goal, first)}: ${judgeStage(first, measured)}`,
      then === undefined ? '–' : `${writeLimit(goal, then)}: ${judgeStage(then, measured)}`,
    ]
  })
  const flat = FLAT_GOALS.map((goal) => {
    const worst = measureFlatness(goal, kept.get(goal.scenario))
    const limit = `flat (≤ ${FLAT} ×)`
    return [
      goal.what,
      'itself with less',
      worst === null ? '–' : `${writeRange(worst.ratio, 2)} × at ${worst.at.toLocaleString('en')}`,
      `${limit}: ${judgeStage(FLAT, worst?.ratio ?? null)}`,
      '–',
    ]
  })
  return table(['what', 'against', 'measured (least–most)', 'at first', 'then'], [...rows, ...flat])
}

function writeMeasured({ against, unit }: Goal, range: Range): string {
  if (against === undefined) return `${writeRange(range, (range.median < 10 && 2) || 0)} ${unit}`
  if (range.median >= 1) return `${writeRange(range, 2)} ×`
  // Of parts of one, the smaller part is the larger number.
  const { median, least, most } = range
  return `1/${(1 / median).toFixed(1)} (1/${(1 / most).toFixed(1)}–1/${(1 / least).toFixed(1)})`
}

function writeLimit({ against, unit }: Goal, limit: number): string {
  if (against === undefined) return `≤ ${limit} ${unit}`
  const parts = Math.round(1 / limit)
  return Math.abs(parts * limit - 1) < 1e-9 && parts > 1 ? `≤ 1/${parts}` : `≤ ${limit} ×`
}

export function listCurves(kept: Kept): Runs[] {
  return [...kept.values()].filter(({ newest }) => newest.lines !== undefined)
}

export function writeCurve(runs: Runs): string[] {
  const { of = '', unit, summary = '' } = runs.newest
  const rows = runs.newest.lines!.flatMap(({ id, points }) =>
    points.map(({ at }) => [
      id,
      at.toLocaleString('en'),
      writeRange(mergeRuns(listPoint(runs, id, at)), 1),
      writeRange(mergeRatios(listPoint(runs, id, at), listPoint(runs, id, points[0]!.at)), 2),
    ]),
  )
  const [count, load] = writeOrigin(runs)
  const picture = `![${summary}](benchmark-${runs.scenario}.svg)`
  const about = `${summary[0]?.toUpperCase()}${summary.slice(1)} (${count} ${count === '1' ? 'run' : 'runs'}, load ${load}).`
  return [about, '', picture, '', ...table(['target', of, unit, 'as a multiple of the first'], rows), '']
}

/** A warning where figures are of fewer runs than they should be, and what they were measured on. */
export function writeOrigins(kept: Kept): string[] {
  const origins = new Set(
    [...kept.values()].map(({ newest: { date, commit = 'unknown', machine } }) => {
      const memory = machine.gigabytes === undefined ? '' : `, ${machine.gigabytes} GB`
      return `${date.slice(0, 10)}, commit ${commit}, Node ${machine.node}, ${machine.cores} × ${machine.model}${memory}.`
    }),
  )
  const few = [...kept.values()].filter(({ all }) => all.length < RUNS).map(({ scenario }) => `\`${scenario}\``)
  const note = `**Of fewer than ${RUNS} runs, so no more than a first impression:** ${few.join(', ')}.`
  return [...(few.length > 0 ? [note, ''] : []), ...origins]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}
