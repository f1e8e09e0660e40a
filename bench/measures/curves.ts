// How cost grows with what there is more and more of. All points of a curve are measured in the same rounds, so that
// what they are to each other holds on a noisy machine too.
import {
  readLoad,
  describeMachine,
  saveResult,
  writeMachine,
  writeRange,
  alignColumns,
  LEAST_ROUNDS,
} from '../report.ts'
import { runEntries, type Entry } from '../run.ts'
import { BODY_KILOBYTES } from '../scenarios/whole.ts'
import { EVENT_COUNTS } from '../scenarios/streams.ts'
import { findScenario } from '../scenarios.ts'
import { summarise, summariseRatios } from '../statistics.ts'
import type { Target } from '../target.ts'
import { nginx } from '../targets/nginx.ts'
import { createUniRouteTarget } from '../targets/uniroute.ts'
import { countStreams, measureStreams, type StreamMemory } from './idle-streams.ts'
import { WARM_UP_MS, type Measure, type Wishes } from './measure.ts'

export interface CurvePoint {
  /** How much there was of it. */
  readonly at: number
  /** By round. */
  readonly rounds: readonly number[]
}

export interface CurveLine {
  /** Of a target. */
  readonly id: string
  readonly points: readonly CurvePoint[]
}

interface Curve extends Measure {
  /** What grows, and what is measured. */
  readonly of: string
  readonly unit: string
  /** Drawn by amounts, not by powers of ten: what must be a straight line then looks like one. */
  readonly isStraight?: true
  /** For who plans the time; on two cores with nothing else to do. */
  readonly minutes: number
}

/** Those of a list for others, with nginx beside where it is installed. */
const uniroute = createUniRouteTarget({ id: 'uniroute' })

function withNginx(): Target[] {
  return (nginx.findObstacle?.(findScenario('json')) ?? null) === null ? [nginx, uniroute] : [uniroute]
}

export const CURVES: readonly Curve[] = [
  createCurve({
    id: 'curve-events',
    summary: 'processor time for an event, in streams of 10 to 10,000 that come at once',
    of: 'events in a stream',
    unit: 'CPU µs per event',
    minutes: 4,
    measure: (wishes) =>
      measureLoads(
        wishes,
        listScenarios(EVENT_COUNTS, (count) => `events-${count}`),
      ),
  }),
  createCurve({
    id: 'curve-body',
    summary: 'processor time for a request, with bodies of 1 KB to 1 MB',
    of: 'KB asked',
    isStraight: true,
    unit: 'CPU µs per request',
    minutes: 4,
    measure: (wishes) =>
      measureLoads(
        wishes,
        listScenarios(BODY_KILOBYTES, (kilobytes) => `body-${kilobytes}k`),
      ),
  }),
  createCurve({
    id: 'curve-users',
    summary: 'processor time for a 1 KB request, with so many other users, each with a provider key and an API key',
    of: 'users, provider keys and API keys each',
    unit: 'CPU µs per request',
    minutes: 3,
    measure: (wishes) =>
      measureLoads(
        wishes,
        listGrown([0, 1_000, 100_000], (users) => ({ users, usageRows: 0 })),
      ),
  }),
  createCurve({
    id: 'curve-usage-rows',
    summary: "processor time for a 1 KB request, with so many in the ledger, six of ten of them the asking user's",
    of: 'requests in the ledger',
    unit: 'CPU µs per request',
    minutes: 15,
    measure: (wishes) =>
      measureLoads(
        wishes,
        listGrown([0, 1_000_000, 10_000_000], (usageRows) => ({ users: 0, usageRows })),
      ),
  }),
  createCurve({
    id: 'curve-streams',
    summary: 'memory that each further silent stream takes, up to so many open',
    of: 'open streams',
    unit: 'KB per stream',
    minutes: 4,
    measure: measureMemory,
  }),
]

type Sample = readonly [at: number, entry: Entry]

function listScenarios(counts: readonly number[], nameOf: (count: number) => string): Sample[] {
  return counts.flatMap((at) =>
    withNginx().map((target): Sample => [at, { target, scenario: findScenario(nameOf(at)) }]),
  )
}

function listGrown(counts: readonly number[], grow: (count: number) => { users: number; usageRows: number }): Sample[] {
  const scenario = findScenario('json')
  return counts.map((at) => [at, { scenario, target: createUniRouteTarget({ id: `uniroute-${at}`, grown: grow(at) }) }])
}

async function measureLoads(wishes: Wishes, samples: readonly Sample[]): Promise<CurveLine[]> {
  const { rounds, windowMs, say } = wishes
  const pace = { rounds: rounds ?? LEAST_ROUNDS, windowMs, warmUpMs: WARM_UP_MS, profileFolder: null, say }
  const results = await runEntries(
    samples.map(([, entry]) => entry),
    pace,
  )
  return [nginx.id, uniroute.id].flatMap((id) => {
    const points = samples.flatMap(([at, { target }], place) =>
      target.id.startsWith(id)
        ? [{ at, rounds: results[place]!.measurements.map(({ microsecondsPerUnit }) => microsecondsPerUnit) }]
        : [],
    )
    return points.length === 0 ? [] : [{ id, points }]
  })
}

/**
 * Of a fresh process each round, in which the counts follow one another. Told is what each stream beyond the count
 * before takes: the first ones move into memory that the warm-up has left, and are no measure.
 */
async function measureMemory({ rounds, say }: Wishes): Promise<CurveLine[]> {
  const most = countStreams()
  const counts = [...[1_000, 3_000, 6_000].filter((count) => count < most), most]
  const lines: CurveLine[] = []
  for (const target of withNginx()) {
    const figures = counts.map((): number[] => [])
    for (let round = 0; round < (rounds ?? 2); round++) {
      say(`round ${round + 1}: ${target.id}`)
      const memories = await measureStreams(target, counts)
      for (const [place, kilobytes] of listIncreases(memories).entries()) figures[place + 1]!.push(kilobytes)
    }
    lines.push({ id: target.id, points: counts.map((at, place) => ({ at, rounds: figures[place]! })).slice(1) })
  }
  return lines
}

/** Kilobytes of each stream between one count and the next. */
export function listIncreases(memories: readonly Pick<StreamMemory, 'streams' | 'kilobytesEach'>[]): number[] {
  return memories.slice(1).map((now, place) => {
    const before = memories[place]!
    return (now.kilobytesEach * now.streams - before.kilobytesEach * before.streams) / (now.streams - before.streams)
  })
}

function createCurve(facts: Omit<Curve, 'run'> & { measure(wishes: Wishes): Promise<CurveLine[]> }): Curve {
  const { measure, ...curve } = facts
  return {
    ...curve,
    async run(wishes) {
      const loadBefore = readLoad()
      const lines = await measure(wishes)
      const machine = { ...describeMachine(), loadBefore, loadAfter: readLoad() }
      wishes.print(`\n${curve.id}: ${curve.summary}\n${writeMachine(machine)}\n\n${printLines(curve, lines)}\n\n`)
      const { id: scenario, summary, of, unit, isStraight } = curve
      return saveResult(
        scenario,
        { scenario, summary, of, unit, isStraight, machine, lines },
        { keep: wishes.keep, date: new Date() },
      )
    },
  }
}

function printLines({ of, unit }: Pick<Curve, 'of' | 'unit'>, lines: readonly CurveLine[]): string {
  const rows = lines.flatMap(({ id, points }) =>
    points.map(({ at, rounds }) => {
      const figure = summarise(rounds)
      const toFirst = summariseRatios(rounds, points[0]!.rounds)
      return [
        id,
        String(at),
        figure.median.toFixed(2),
        writeRange(figure, 2),
        toFirst.median.toFixed(2),
        writeRange(toFirst, 2),
      ]
    }),
  )
  return alignColumns([['target', of, unit, 'min–max', '× first', 'min–max'], ...rows]).join('\n')
}
