// What was aimed at, and whether it was reached: the goals as data, the verdicts from the kept results.
import type { Range } from '../statistics.ts'
import { listFigures, listPoint, mergeRatios, mergeRuns, type Runs } from './kept.ts'

export interface Goal {
  readonly what: string
  readonly scenario: string
  /** Whose figure; UniRoute as the others are compared with unless said. */
  readonly target?: string
  readonly figure: string
  /** The figure as a multiple of this one's; itself, in the unit, where none is named. */
  readonly against?: string
  readonly unit?: string
  /** At most this; then this. */
  readonly stages: readonly [number, number?]
}

const COST = 'microsecondsPerUnit'
const fraction = (of: number): number => 1 / of

export const GOALS: readonly Goal[] = [
  ...compare('json', 'json', { nginx: [7, 5], portkey: [fraction(8), fraction(14)] }),
  ...compare('json-big', 'json-big', { nginx: [10], portkey: [fraction(4)] }),
  ...compare('paced stream, per chunk', 'paced', { nginx: [3.5, 2.5], portkey: [fraction(2), fraction(3)] }),
  ...compare('burst stream', 'burst', { nginx: [8, 3.5], portkey: [fraction(5), fraction(15)] }),
  ...compare('translated stream, paced', 'tr-paced-chat-anthropic', { nginx: [3.5], portkey: [fraction(2)] }),
  ...compare('translated stream, burst', 'tr-burst-chat-anthropic', { portkey: [fraction(7), fraction(15)] }),
  ...compare('idle stream, memory', 'idle-streams', { nginx: [2.2], portkey: [fraction(2)] }, 'kilobytesEach'),
  { what: 'idle stream, memory', scenario: 'idle-streams', figure: 'kilobytesEach', unit: 'KB', stages: [40] },
  { what: 'added latency p50 at 300/s', scenario: 'latency-json', figure: 'added', unit: 'ms', stages: [0.5, 0.25] },
  ...compare('added latency p50 at 300/s', 'latency-json', { portkey: [0.4] }, 'added'),
  ...['uniroute', 'uniroute-package'].map((target) => ({
    what: `cold start, second (${target === 'uniroute' ? 'clone' : 'package'})`,
    scenario: 'cold-start',
    target,
    figure: 'milliseconds',
    unit: 'ms',
    stages: [1_000, 300] as const,
  })),
  ...['uniroute', 'uniroute-package'].map((target) => ({
    what: `memory at rest (${target === 'uniroute' ? 'clone' : 'package'})`,
    scenario: 'rest',
    target,
    figure: 'resident',
    unit: 'MB',
    stages: [120] as const,
  })),
]

function compare(
  what: string,
  scenario: string,
  limits: Readonly<Record<string, Goal['stages']>>,
  figure = COST,
): Goal[] {
  return Object.entries(limits).map(([against, stages]) => ({ what, scenario, figure, against, stages }))
}

/** Null where it was not measured. */
export function measureGoal(goal: Goal, runs: Runs | undefined): Range | null {
  if (!runs) return null
  const figures = listFigures(runs, goal.target ?? 'uniroute', goal.figure)
  if (goal.against === undefined) return mergeRuns(figures)
  return mergeRatios(figures, listFigures(runs, goal.against, goal.figure))
}

export function judgeStage(limit: number, measured: Range | null): 'reached' | 'missed' | 'not measured' {
  if (measured === null) return 'not measured'
  return measured.median <= limit ? 'reached' : 'missed'
}

/** A curve that must be flat: no point above one before it by more than noise. */
export interface FlatGoal {
  readonly what: string
  readonly scenario: string
  /**
   * The points count for so much each: a body is to be paid by the kilobyte, from a size at which it is most of the
   * cost.
   */
  readonly perAmountFrom?: number
}

export const FLAT_GOALS: readonly FlatGoal[] = [
  { what: 'cost of an event, against events per stream', scenario: 'curve-events' },
  { what: 'memory of a stream, against open streams', scenario: 'curve-streams' },
  { what: 'cost of a request, against users and keys', scenario: 'curve-users' },
  { what: 'cost of a request, against usage rows', scenario: 'curve-usage-rows' },
  { what: 'cost of a kilobyte, against the size of the body', scenario: 'curve-body', perAmountFrom: 128 },
]

/** What is still called flat. */
export const FLAT = 1.25

/** The worst of the points, as a multiple of one before it; null where it was not measured. */
export function measureFlatness(
  { perAmountFrom }: FlatGoal,
  runs: Runs | undefined,
): { at: number; ratio: Range } | null {
  const points = runs?.newest.lines?.find(({ id }) => id === 'uniroute')?.points ?? []
  const amounts = points.map(({ at }) => at).filter((at) => at >= (perAmountFrom ?? 0))
  if (!runs) return null
  const list = (at: number): (readonly number[] | null)[] =>
    listPoint(runs, 'uniroute', at).map(
      (figures) => figures?.map((figure) => (perAmountFrom === undefined ? figure : figure / at)) ?? null,
    )
  const ratios = amounts.flatMap((at, place) =>
    amounts.slice(0, place).flatMap((before) => {
      const ratio = mergeRatios(list(at), list(before))
      return ratio === null ? [] : [{ at, ratio }]
    }),
  )
  return ratios.toSorted((a, b) => b.ratio.median - a.ratio.median)[0] ?? null
}
