// The scenarios by name. Peers run in processes of their own and find theirs here.
import type { Scenario } from './scenario.ts'
import { IDLE } from './scenarios/idle.ts'
import { STREAMS } from './scenarios/streams.ts'
import { WHOLE } from './scenarios/whole.ts'

export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(
  [...WHOLE, ...STREAMS, IDLE].map((scenario) => [scenario.id, scenario]),
)

export function findScenario(id: string | undefined): Scenario {
  const scenario = SCENARIOS.get(id ?? '')
  if (!scenario) throw new Error(`There is no scenario "${id}". Choose from: ${[...SCENARIOS.keys()].join(', ')}.`)
  return scenario
}
