// What would happen to a request, without sending it: which keys would be tried in which order, why each is in or out,
// and how the walk would end if some of them failed. It asks the very chain that requests walk.
import { FALLBACK_REASONS, type FallbackReason, type Payer } from '../../contract/common.ts'
import type { Simulated } from '../../contract/route.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import { GatewayError } from '../kernel/errors.ts'
import { allowsFallback } from '../kernel/fallback.ts'
import { createChain, type Grants, type KeyFate, type Obstacle, type Step } from './chain.ts'
import type { Unusable, WeighedKeys } from './plan.ts'
import { explainRefusal, type OutageFacts, type RefusalContext } from './refusal.ts'

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
  readonly status: number
  readonly code: string | null
}

export interface Situation {
  readonly weighed: WeighedKeys
  readonly whyUnusable: (record: ProviderKeyRecord) => Unusable | null
  /** What keeps a key from being asked besides its own state: an open breaker, a limit that has no room. */
  readonly hindrance: (step: Exclude<Step, { kind: 'none' }>) => KeyFate | null
  readonly context: RefusalContext
}

/** By bare id of a provider key, or `server`, or `provider` for all of them. */
export type Simulation = ReadonlyMap<string, Simulated>

const FATE_OF: Readonly<Record<Simulated, KeyFate>> = {
  '401': 'invalid',
  '429': 'rate_limited',
  '5xx': 'outage',
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
  const { weighed, hindrance, whyUnusable } = situation
  const steps = weighed.ownKeys.map(({ record, fate }): ExplainedStep => {
    const hindered = fate ?? (record.status === 'undecryptable' ? null : hindrance({ kind: 'own', record }))
    if (record.status === 'undecryptable' && fate === null) {
      return { record, billedTo: 'user', decision: 'try', reason: 'undecryptable' }
    }
    if (hindered === null) return { record, billedTo: 'user', decision: 'try', reason: 'own_key' }
    const reason = hindered === 'unusable' ? (whyUnusable(record) ?? 'payer_not_allowed') : nameFate(hindered)
    return { record, billedTo: 'user', decision: 'skip', reason }
  })
  return [...steps, explainServer(situation)]
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
  return fate === null ? step('try', reasons.join(',')) : step('skip', nameFate(fate))
}

/** Under which failures of the own keys the server's would serve; the reason itself where no own key is to be tried. */
function serverReasons({ ownKeys, server, grants }: WeighedKeys): FallbackReason[] {
  const isOpen = { ...server, fate: null }
  const found = new Set<FallbackReason>()
  const isKeyLeft = ownKeys.some(({ fate }) => fate === null)
  for (const failure of isKeyLeft ? Object.values(FATE_OF_REASON) : [null]) {
    const supposed = ownKeys.map(({ record, fate }) => ({ record, fate: fate ?? failure }))
    const step = createChain(supposed, isOpen, grants).next()
    if (step.kind === 'server') found.add(step.reason)
  }
  return FALLBACK_REASONS.filter((reason) => found.has(reason))
}

/** The first rule that keeps the server's keys out. */
function whoForbids({ ownKeys, grants }: WeighedKeys): string {
  if (!grants.serverAllowed) return 'payer_not_allowed'
  if (ownKeys.some(({ record }) => record.fallback === 'never')) return 'not_allowed_by_key'
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
  const { weighed, hindrance, context } = situation
  const chain = createChain(weighed.ownKeys, weighed.server, weighed.grants)
  let outage: OutageFacts | null = null
  for (let step = chain.next(); step.kind !== 'none'; step = chain.next()) {
    const name = step.kind === 'own' ? step.record.id : 'server'
    if (step.kind === 'own' && step.record.status === 'undecryptable') {
      return refuse(new GatewayError('provider_key_unreadable'))
    }
    const answer = simulation.get(name) ?? simulation.get('provider')
    const fate = hindrance(step) ?? (answer ? FATE_OF[answer] : null)
    if (fate === null) return serve(step)
    if (fate === 'outage') {
      const why = answer === 'timeout' ? 'timeout' : answer ? 'failed' : 'breaker'
      outage = { why, repeated: false, retryAfterSeconds: null }
    }
    chain.report(fate)
  }
  return refuse(explainRefusal(context, { obstacles: chain.obstacles, outage, cooldownSeconds: null }))
}

function serve(step: Exclude<Step, { kind: 'none' }>): ExplainedResult {
  const isOwn = step.kind === 'own'
  return {
    decision: 'serve',
    billedTo: isOwn ? 'user' : 'server',
    providerKeyId: isOwn ? step.record.id : null,
    fallback: isOwn ? 'none' : step.reason,
    status: 200,
    code: null,
  }
}

function refuse({ status, code }: GatewayError): ExplainedResult {
  return { decision: 'refuse', billedTo: null, providerKeyId: null, fallback: null, status, code }
}

function nameFate(fate: Obstacle['fate']): string {
  return REASON_OF[fate] ?? fate
}
