// What would happen to a request, without sending it: which keys would be tried in which order, why each is in or out,
// and how the walk would end if some of them failed. It asks the very chain that requests walk.
import { FALLBACK_REASONS, type FallbackReason, type Payer } from '../../contract/common.ts'
import type { Simulated } from '../../contract/route.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import { GatewayError } from '../kernel/errors.ts'
import { allowsFallback } from '../kernel/fallback.ts'
import { createChain, PAYER_OF, type ChainParts, type Grants, type KeyFate, type OwnKey, type Step } from './chain.ts'
import type { Unusable } from './plan.ts'
import { explainRefusal, type OutageFacts, type RefusalContext } from './refusal.ts'

type NamedStep = Exclude<Step, { kind: 'none' }>

export interface ExplainedStep {
  /** null for the server's key. */
  readonly record: ProviderKeyRecord | null
  readonly billedTo: Payer
  readonly decision: 'try' | 'skip'
  readonly reason: string
}

export interface ExplainedResult {
  readonly decision: 'serve' | 'refuse'
  readonly billedTo: Payer | null
  /** Bare id; null for the server's key and for refusals. */
  readonly providerKeyId: string | null
  readonly fallback: 'none' | FallbackReason | null
  /** What the client is told; null where it is served. */
  readonly error: GatewayError | null
  /** How many keys were asked. */
  readonly calls: number
}

/** An error ends the request: no other key of anybody's changes it. */
export type Hindrance = KeyFate | GatewayError

export interface Situation {
  readonly weighed: ChainParts
  readonly whyUnusable: (record: ProviderKeyRecord) => Unusable | null
  /** What keeps a key from being asked besides its own state: an open breaker, a limit or budget that has no room. */
  readonly hindrance: (step: NamedStep) => Hindrance | null
  /** A key that does not open ends the request where its turn comes. */
  readonly opens: (record: ProviderKeyRecord) => boolean
  readonly context: RefusalContext
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

/** The name of a fate in explanations, where it differs. */
const REASON_OF: Partial<Record<KeyFate, string>> = { rate_limited: 'cooling', outage: 'provider_down' }

const FATE_OF_REASON: Readonly<Record<Exclude<FallbackReason, 'no_key'>, KeyFate>> = {
  invalid: 'invalid',
  outage: 'outage',
  rate_limited: 'rate_limited',
  exhausted: 'exhausted',
}

export function explainChain(situation: Situation): ExplainedStep[] {
  const { weighed, hindrance } = situation
  const ownKeys = weighed.ownKeys.map(({ record, fate }) => ({
    record,
    fate: fate ?? fateOf(hindrance({ kind: 'own', record })),
  }))
  const isCapped = ownKeys.some(({ fate }) => fate === 'capped')
  return [
    ...ownKeys.map((key) => explainKey(situation, key, { kind: 'own', record: key.record })),
    ...weighed.sharedKeys.map((key) => {
      const step = explainKey(situation, key, {
        kind: 'shared',
        record: key.record,
        lease: key.lease,
        reason: 'no_key',
      })
      return isCapped ? ({ ...step, decision: 'skip', reason: 'capped' } as const) : step
    }),
    explainServer({ ...situation, weighed: { ...weighed, ownKeys } }),
  ]
}

/** Of a key that a request's own budget keeps from being asked, nothing is known. */
function fateOf(hindrance: Hindrance | null): KeyFate | null {
  return hindrance instanceof GatewayError ? null : hindrance
}

function explainKey(situation: Situation, { record, fate }: OwnKey, step: NamedStep): ExplainedStep {
  const billedTo = PAYER_OF[step.kind]
  const tried = (reason: string): ExplainedStep => ({ record, billedTo, decision: 'try', reason })
  const found = fate ?? situation.hindrance(step)
  if (found === null && !situation.opens(record)) return tried('undecryptable')
  if (found === null) return tried(step.kind === 'own' ? 'own_key' : 'shared_key')
  const absent = step.kind === 'own' ? 'payer_not_allowed' : 'lease_not_applicable'
  if (found instanceof GatewayError) return { record, billedTo, decision: 'skip', reason: found.code }
  const reason = found === 'unusable' ? (situation.whyUnusable(record) ?? absent) : nameFate(found)
  return { record, billedTo, decision: 'skip', reason }
}

function explainServer({ weighed, hindrance }: Situation): ExplainedStep {
  const step = (decision: 'try' | 'skip', reason: string): ExplainedStep => ({
    record: null,
    billedTo: 'server',
    decision,
    reason,
  })
  if (!weighed.server.exists) return step('skip', 'no_server_key')
  const reasons = serverReasons(weighed)
  if (reasons.length === 0) return step('skip', whoForbids(weighed))
  const fate = weighed.server.fate ?? hindrance({ kind: 'server', reason: reasons[0]! })
  if (fate === null) return step('try', reasons.join(','))
  return step('skip', fate instanceof GatewayError ? fate.code : nameFate(fate))
}

/** Under which failures of the own keys the server's would serve; the reason itself where no own key is to be tried. */
function serverReasons({ ownKeys, server, grants }: ChainParts): FallbackReason[] {
  const isOpen = { ...server, fate: null }
  const found = new Set<FallbackReason>()
  const isKeyLeft = ownKeys.some(({ fate }) => fate === null)
  for (const failure of isKeyLeft ? Object.values(FATE_OF_REASON) : [null]) {
    const supposed = ownKeys.map(({ record, fate }) => ({ record, fate: fate ?? failure }))
    const step = createChain({ ownKeys: supposed, sharedKeys: [], server: isOpen, grants }).next()
    if (step.kind === 'server') found.add(step.reason)
  }
  return FALLBACK_REASONS.filter((reason) => found.has(reason))
}

/** The first rule that keeps the server's keys out. */
function whoForbids({ ownKeys, grants }: ChainParts): string {
  if (!grants.serverAllowed) return 'payer_not_allowed'
  if (ownKeys.some(({ record }) => record.fallback === 'never')) return 'not_allowed_by_key'
  const lasting = ownKeys.find(({ fate }) => fate === 'capped' || fate === 'restricted')?.fate
  if (lasting) return nameFate(lasting)
  const grantsNothing = (policy: Grants['account'] | null) =>
    policy !== null && !FALLBACK_REASONS.some((reason) => allowsFallback(policy, reason))
  if (grants.operator.size === 0) return 'not_granted_by_operator'
  if (grantsNothing(grants.account)) return 'not_allowed_by_account'
  if (grantsNothing(grants.apiKey)) return 'not_allowed_by_api_key'
  if (grantsNothing(grants.request)) return 'not_allowed_by_request'
  return 'reason_not_granted'
}

/** How the walk ends where the simulated answers are what the keys get; a key without one serves. */
export function simulateWalk(situation: Situation, simulation: Simulation): ExplainedResult {
  const { weighed, hindrance, opens, context } = situation
  const chain = createChain(weighed)
  let outage: OutageFacts | null = null
  let calls = 0
  for (let step = chain.next(); step.kind !== 'none'; step = chain.next()) {
    const name = step.kind === 'server' ? 'server' : step.record.id
    const answer = simulation.get(name) ?? simulation.get('provider')
    const hindered = hindrance(step)
    if (hindered instanceof GatewayError) return refuse(hindered, calls)
    if (hindered === null && step.kind !== 'server' && !opens(step.record)) {
      return refuse(new GatewayError('provider_key_unreadable'), calls)
    }
    const fate = hindered ?? (answer ? FATE_OF[answer] : null)
    if (hindered === null) calls++
    if (fate === null) return serve(step, calls)
    if (fate === 'outage') {
      outage = { why: whyOf(hindered === null ? answer : undefined), repeated: false, retryAfterSeconds: null }
    }
    chain.report(fate)
  }
  return refuse(explainRefusal(context, { obstacles: chain.obstacles, outage, cooldownSeconds: null }), calls)
}

function whyOf(answer: Simulated | undefined): OutageFacts['why'] {
  if (answer === undefined) return 'breaker'
  return answer === 'timeout' ? 'timeout' : answer === '529' ? 'overloaded' : 'failed'
}

function serve(step: NamedStep, calls: number): ExplainedResult {
  return {
    decision: 'serve',
    billedTo: PAYER_OF[step.kind],
    providerKeyId: step.kind === 'server' ? null : step.record.id,
    fallback: step.kind === 'own' ? 'none' : step.reason,
    error: null,
    calls,
  }
}

export function refuse(error: GatewayError, calls: number): ExplainedResult {
  return { decision: 'refuse', billedTo: null, providerKeyId: null, fallback: null, error, calls }
}

function nameFate(fate: KeyFate): string {
  return REASON_OF[fate] ?? fate
}
