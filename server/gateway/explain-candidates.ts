// How the walk through several models would end under simulated failures: the rules of walk-candidates.ts, without calls.
import type { ErrorCode } from '../kernel/errors.ts'
import { chooseRefusal, isOneTooMany, leavesRoomForOthers, type Candidate } from './candidates.ts'
import { simulateWalk, type ExplainedResult, type Simulation, type Situation } from './explain.ts'

export interface ExplainedCandidate extends Candidate {
  readonly situation: Situation
}

export interface ExplainedEnd {
  readonly provider: string
  readonly model: string
  readonly result: ExplainedResult
}

/** At least one candidate may be tried. */
export function simulateCandidates(candidates: readonly ExplainedCandidate[], simulation: Simulation): ExplainedEnd {
  const called = new Set<string>()
  const refusals: (ExplainedEnd & { readonly code: ErrorCode })[] = []
  for (const { provider, model, situation } of candidates.filter(({ skip }) => skip === null)) {
    if (isOneTooMany(called, provider.id)) continue
    const result = simulateWalk(situation, simulation)
    const end = { provider: provider.id, model, result }
    if (result.error === null) return end
    const { code } = result.error
    if (result.calls > 0) called.add(provider.id)
    refusals.push({ ...end, code })
    if (!leavesRoomForOthers(code)) break
  }
  return refusals[chooseRefusal(refusals.map(({ code }) => code))]!
}
