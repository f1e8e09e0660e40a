// All that can be measured, by name, and what belongs together.
import { adminPages } from './measures/admin-pages.ts'
import { createCostMeasure, createLatencyMeasure } from './measures/cost.ts'
import { idleStreams } from './measures/idle-streams.ts'
import type { Measure } from './measures/measure.ts'
import { atRest, coldStart } from './measures/starts.ts'
import { findScenario, SCENARIOS } from './scenarios.ts'

const ALL: readonly Measure[] = [
  ...[...SCENARIOS.values()].filter(({ id }) => id !== idleStreams.id).map(createCostMeasure),
  createLatencyMeasure(findScenario('json')),
  idleStreams,
  coldStart,
  atRest,
  adminPages,
]

const MEASURES: ReadonlyMap<string, Measure> = new Map(ALL.map((measure) => [measure.id, measure]))

const TABLE = [
  'json',
  'json-big',
  'embeddings',
  'long-chat',
  'burst',
  'paced',
  'tr-burst-chat-anthropic',
  'tr-paced-chat-anthropic',
  'latency-json',
  'idle-streams',
  'cold-start',
  'rest',
  'admin-pages',
]

/** By one word: several at once. */
export const GROUPS: Readonly<Record<string, readonly string[]>> = {
  table: TABLE,
  pairs: [...MEASURES.keys()].filter((id) => /^(?:tr-)?(?:burst|paced)\b/.test(id)),
  all: [...MEASURES.keys()].filter((id) => !/^(?:events|body)-/.test(id)),
}

export function listMeasures(): readonly Measure[] {
  return ALL
}

/** Each once, in the order asked for. */
export function findMeasures(names: readonly string[]): Measure[] {
  const ids = new Set(names.flatMap((name) => GROUPS[name] ?? [name]))
  return [...ids].map((id) => {
    const measure = MEASURES.get(id)
    if (!measure) {
      const known = [...Object.keys(GROUPS), ...MEASURES.keys()].join(', ')
      throw new Error(`There is no scenario "${id}". Choose from: ${known}.`)
    }
    return measure
  })
}
