// The scenarios by name. Peers run in processes of their own and find theirs here.
import type { Scenario } from './scenario.ts'
import { STREAMS } from './scenarios/streams.ts'
import { WHOLE } from './scenarios/whole.ts'

export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(
  [...WHOLE, ...STREAMS].map((scenario) => [scenario.id, scenario]),
)

/** Those of the table of targets (docs); the others differ from one of them in a dialect. */
export const USUAL = [
  'json',
  'json-big',
  'embeddings',
  'long-chat',
  'burst',
  'paced',
  'tr-burst-chat-anthropic',
  'tr-paced-chat-anthropic',
] as const

export function findScenario(id: string | undefined): Scenario {
  const scenario = SCENARIOS.get(id ?? '')
  if (!scenario) throw new Error(`There is no scenario "${id}". Choose from: ${[...SCENARIOS.keys()].join(', ')}.`)
  return scenario
}
