// What would happen to a request, without sending it: which keys would be tried in which order, why each is in or out,
// and how the walk would end if some of them failed. The walk is that of steps.ts, which requests go; only that nobody
// is called: what a key would answer is supposed.
import { FALLBACK_REASONS, type FallbackReason, type Payer } from '../../contract/common.ts'
import type { Simulated } from '../../contract/route.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { Candidate } from './candidates.ts'
import { createChain, PAYER_OF, type ChainParts, type KeyFate, type Obstacle } from './chain.ts'
import type { Unusable } from './plan.ts'
import { explainRefusal, type OutageFacts, type RefusalContext } from './refusal.ts'
import { mayRepeat, walkModels, walkSteps, type Asked, type NamedStep } from './steps.ts'

export interface ExplainedResult {
  readonly decision: 'serve' | 'refuse'
  readonly billedTo: Payer | null
  /** Bare id; null for the server's key and for refusals. */
  readonly providerKeyId: string | null
  readonly fallback: 'none' | FallbackReason | null
  /** What the client is told; null where it is served. */
  readonly error: GatewayError | null
}

/** An error ends the request: no other key of anybody's changes it. */
export type Hindrance = KeyFate | GatewayError

/** What decides about the keys of one model, as it is now; asking changes nothing of it. */
export interface Situation {
  readonly weighed: ChainParts
  readonly whyUnusable: (record: ProviderKeyRecord) => Unusable | null
  readonly leftAlone: (step: NamedStep) => OutageFacts | null
  readonly isLastResort: (step: NamedStep) => boolean
  /** A limit or budget that has no room for a call with this key. */
  readonly hindrance: (step: NamedStep) => Promise<Hindrance | null>
  /** A key that does not open ends the request where its turn comes. */
  readonly opens: (record: ProviderKeyRecord) => boolean
  readonly repeats: { readonly left: number; readonly clientRetries: string | undefined }
  readonly context: RefusalContext
}

/** An error: no key of this model comes into question. */
export interface ExplainedCandidate extends Candidate {
  readonly situation: Situation | GatewayError
}

export interface ExplainedEnd {
  readonly provider: string
  readonly model: string
  readonly result: ExplainedResult
}

/** By bare id of a provider key, or `server`, or `provider` for all of them. */
export type Simulation = ReadonlyMap<string, Simulated>

const FATE_OF: Readonly<Record<Simulated, KeyFate>> = {
  '401': 'invalid',
  '403': 'restricted',
  '429': 'rate_limited',
  '5xx': 'outage',
  '529': 'outage',
  timeout: 'outage',
  quota: 'exhausted',
}

/** What the provider surely did not run. */
const SAFE_TO_REPEAT: ReadonlySet<Simulated> = new Set<Simulated>(['5xx', '529'])

/** How each reason but `no_key` comes about. */
const FAILURES = ['401', 'quota', '429', 'timeout'] as const satisfies readonly Simulated[]

/** What was seen of the keys of one model while failures were supposed. */
interface Seen {
  /** By name of the key, the reasons under which its turn came. */
  readonly turns: Map<string, Set<FallbackReason>>
  earlier: readonly Obstacle[]
}

/** All that is seen of walks through the same models. */
export interface Survey {
  readonly models: ReadonlyMap<Candidate, Seen>
  /** What ended a walk before all keys were asked, whatever they would answer. */
  readonly endedBy: string | null
}

/** How the walk ends where the simulated answers are what the keys get; a key without one serves. */
export function simulateCandidates(
  candidates: readonly ExplainedCandidate[],
  simulation: Simulation,
): Promise<ExplainedEnd> {
  const answerOf = (step: NamedStep) => simulation.get(nameOf(step)) ?? simulation.get('provider') ?? null
  return suppose(candidates, answerOf, () => undefined)
}

/** Whose turn can come at all: every key is supposed to fail, in each way in turn. */
export async function surveyCandidates(candidates: readonly ExplainedCandidate[]): Promise<Survey> {
  const models = new Map<Candidate, Seen>()
  let endedBy: string | null = null
  for (const failure of FAILURES) {
    const end = await suppose(
      candidates,
      () => failure,
      (candidate, earlier, step) => {
        const seen = models.get(candidate) ?? { turns: new Map<string, Set<FallbackReason>>(), earlier }
        models.set(candidate, seen)
        if (!step) return
        const reasons = seen.turns.get(nameOf(step)) ?? new Set()
        seen.turns.set(nameOf(step), step.kind === 'own' ? reasons : reasons.add(step.reason))
      },
    )
    const { error } = end.result
    if (error && ENDS_ALL.has(error.code)) endedBy ??= error.code
  }
  return { models, endedBy }
}

const ENDS_ALL: ReadonlySet<string> = new Set(['budget_exceeded', 'provider_key_unreadable'])

type Watch = (candidate: Candidate, earlier: readonly Obstacle[], step: NamedStep | null) => void

function suppose(
  candidates: readonly ExplainedCandidate[],
  answerOf: (step: NamedStep) => Simulated | null,
  watch: Watch,
): Promise<ExplainedEnd> {
  let calls = 0
  const repeated = new Map<string, number>()
  return walkModels<ExplainedCandidate, ExplainedEnd>(candidates, {
    calls: () => calls,
    refusalOf: ({ result }) => result.error?.code ?? null,
    isOver: () => false,
    async walkModel(candidate, { isLast, earlier }) {
      const { situation, provider, model } = candidate
      const end = (result: ExplainedResult): ExplainedEnd => ({ provider: provider.id, model, result })
      if (situation instanceof GatewayError) return { end: end(refuse(situation)), obstacles: [] }
      watch(candidate, earlier, null)
      const chain = createChain({ ...situation.weighed, earlier })
      const call = (answer: Simulated | null): void => {
        calls++
        const done = repeated.get(provider.id) ?? 0
        const isSafe = answer !== null && SAFE_TO_REPEAT.has(answer) && done < situation.repeats.left
        if (!mayRepeat(isSafe, calls, situation.repeats.clientRetries)) return
        calls++
        repeated.set(provider.id, done + 1)
      }
      const walked = await walkSteps<ExplainedResult>(
        chain,
        {
          calls: () => calls,
          leftAlone: situation.leftAlone,
          isLastResort: situation.isLastResort,
          ask(step) {
            watch(candidate, earlier, step)
            return askSupposed(situation, step, answerOf(step), call)
          },
        },
        isLast,
      )
      if ('end' in walked) return { end: end(walked.end), obstacles: chain.obstacles }
      const error = explainRefusal(situation.context, { obstacles: chain.obstacles, ...walked })
      return { end: end(refuse(error)), obstacles: chain.obstacles }
    },
  })
}

async function askSupposed(
  situation: Situation,
  step: NamedStep,
  answer: Simulated | null,
  call: (answer: Simulated | null) => void,
): Promise<Asked<ExplainedResult>> {
  const hindered = await situation.hindrance(step)
  if (hindered instanceof GatewayError) return { end: refuse(hindered) }
  if (hindered !== null) return { fate: hindered }
  if (step.kind !== 'server' && !situation.opens(step.record)) {
    return { end: refuse(new GatewayError('provider_key_unreadable')) }
  }
  call(answer)
  if (answer === null) return { end: serve(step) }
  const fate = FATE_OF[answer]
  if (fate !== 'outage') return { fate }
  const why = answer === 'timeout' ? 'timeout' : answer === '529' ? 'overloaded' : 'failed'
  return { fate, outage: { why, repeated: false, retryAfterSeconds: null } }
}

function serve(step: NamedStep): ExplainedResult {
  return {
    decision: 'serve',
    billedTo: PAYER_OF[step.kind],
    providerKeyId: step.kind === 'server' ? null : step.record.id,
    fallback: step.kind === 'own' ? 'none' : step.reason,
    error: null,
  }
}

export function refuse(error: GatewayError): ExplainedResult {
  return { decision: 'refuse', billedTo: null, providerKeyId: null, fallback: null, error }
}

export function nameOf(step: NamedStep): string {
  return step.kind === 'server' ? 'server' : step.record.id
}

/** In their usual order. */
export function sortReasons(reasons: ReadonlySet<FallbackReason>): FallbackReason[] {
  return FALLBACK_REASONS.filter((reason) => reasons.has(reason))
}
