// The kept results of `npm run bench`, and what several runs say together.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { summarise, summariseRatios, type Range } from '../statistics.ts'

const RESULTS = fileURLToPath(new URL('../results', import.meta.url))
/** Figures to show are of so many runs. */
export const RUNS = 3

export interface KeptMachine {
  readonly node: string
  readonly cores: number
  readonly model: string
  readonly gigabytes?: number
  readonly loadBefore: number
}

type Round = Readonly<Record<string, number>>

/** One run of one scenario. */
export interface KeptResult {
  readonly scenario: string
  readonly summary?: string
  readonly unit: string
  readonly date: string
  readonly commit?: string
  readonly machine: KeptMachine
  /** Missing in a curve. */
  readonly targets?: readonly { readonly id: string; readonly rounds: readonly Round[] }[]
  /** Of a curve only. */
  readonly of?: string
  readonly isStraight?: true
  readonly lines?: readonly {
    readonly id: string
    readonly points: readonly { readonly at: number; readonly rounds: readonly number[] }[]
  }[]
}

/** The runs of a scenario that belong together: of one commit on one machine, the newest last. */
export interface Runs {
  readonly scenario: string
  readonly newest: KeptResult
  readonly all: readonly KeptResult[]
}

/** By scenario. */
export function readKept(folder = RESULTS): Map<string, Runs> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.kept.json'))
  return groupRuns(names.toSorted().map((name) => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as KeptResult))
}

/** `results` in the order in which they were made. */
export function groupRuns(results: readonly KeptResult[]): Map<string, Runs> {
  const byScenario = Map.groupBy(results, ({ scenario }) => scenario)
  return new Map(
    [...byScenario].map(([scenario, kept]) => {
      const newest = kept.at(-1)!
      const all = kept.filter((one) => describeOrigin(one) === describeOrigin(newest)).slice(-RUNS)
      return [scenario, { scenario, newest, all }]
    }),
  )
}

function describeOrigin({ commit = 'unknown', machine }: KeptResult): string {
  return JSON.stringify([commit, machine.node, machine.cores, machine.model])
}

/** The median of the runs' medians, from the least of all rounds to the most. Null where a run lacks it. */
export function mergeRuns(runs: readonly (readonly number[] | null)[]): Range | null {
  return mergeRanges(runs.map((figures) => (figures === null ? null : summarise(figures))))
}

/** The same of ratios, each of which is of one round. */
export function mergeRatios(
  runs: readonly (readonly number[] | null)[],
  references: readonly (readonly number[] | null)[],
): Range | null {
  return mergeRanges(
    runs.map((figures, run) => {
      const reference = references[run] ?? null
      return figures === null || reference === null ? null : summariseRatios(figures, reference)
    }),
  )
}

function mergeRanges(ranges: readonly (Range | null)[]): Range | null {
  const present = ranges.filter((range) => range !== null)
  if (present.length === 0 || present.length < ranges.length) return null
  return {
    median: summarise(present.map(({ median }) => median)).median,
    least: Math.min(...present.map(({ least }) => least)),
    most: Math.max(...present.map(({ most }) => most)),
  }
}

/** A figure of a target by run and round; null where a run was without that target. */
export function listFigures(runs: Runs, target: string, figure: string): (readonly number[] | null)[] {
  return runs.all.map(({ targets }) => {
    const rounds = targets?.find(({ id }) => id === target)?.rounds
    const figures = rounds?.map((round) => round[figure])
    return figures && figures.length > 0 && figures.every((one) => one !== undefined) ? figures : null
  })
}

/** The same of a point of a curve. */
export function listPoint(runs: Runs, target: string, at: number): (readonly number[] | null)[] {
  return runs.all.map(
    ({ lines }) => lines?.find(({ id }) => id === target)?.points.find((point) => point.at === at)?.rounds ?? null,
  )
}
