// Why each key of a chain is in or out, in words: of a key whose turn can come, under which reasons; of one whose turn
// cannot, what keeps it out.
import { FALLBACK_REASONS, type Payer } from '../../contract/common.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import { GatewayError } from '../kernel/errors.ts'
import { allowsFallback } from '../kernel/fallback.ts'
import { createChain, LIMITED, PAYER_OF, type ChainParts, type Grants, type KeyFate, type OwnKey } from './chain.ts'
import { nameOf, sortReasons, type ExplainedCandidate, type Hindrance, type Situation, type Survey } from './explain.ts'
import type { NamedStep } from './steps.ts'

export interface ExplainedStep {
  /** null for the server's key. */
  readonly record: ProviderKeyRecord | null
  readonly billedTo: Payer
  readonly decision: 'try' | 'skip'
  readonly reason: string
}

/** The name of a fate in explanations, where it differs. */
const REASON_OF: Partial<Record<KeyFate, string>> = { rate_limited: 'cooling', outage: 'provider_down' }

interface Seen {
  readonly situation: Situation
  readonly turns: ReadonlyMap<string, ReadonlySet<(typeof FALLBACK_REASONS)[number]>>
  /** Of an own key for this model or one before it. */
  readonly capped: boolean
  /** Why the turn of a key may never come that has nothing against it itself. */
  readonly unreached: string
}

/** The keys of one model, in order. */
export async function explainSteps(candidate: ExplainedCandidate, survey: Survey): Promise<ExplainedStep[]> {
  const { situation } = candidate
  if (situation instanceof GatewayError) return []
  const { turns = new Map(), earlier = [] } = survey.models.get(candidate) ?? {}
  const { weighed } = situation
  const ownKeys: OwnKey[] = []
  let refusal: GatewayError | null = null
  for (const { record, fate } of weighed.ownKeys) {
    const found = fate === null && turns.has(record.id) ? await situation.hindrance({ kind: 'own', record }) : fate
    if (found instanceof GatewayError) refusal ??= found
    ownKeys.push({ record, fate: found instanceof GatewayError ? null : found })
  }
  for (const { record, lease, fate } of refusal ? [] : weighed.sharedKeys) {
    if (fate !== null || !turns.has(record.id)) continue
    const found = await situation.hindrance({ kind: 'shared', record, lease, reason: 'no_key' })
    if (found instanceof GatewayError) refusal ??= found
  }
  const capped = [...ownKeys, ...earlier].some(({ fate }) => LIMITED.has(fate))
  const seen = { situation, turns, capped, unreached: refusal?.code ?? whyUnreached(situation, survey) }
  const steps: ExplainedStep[] = []
  for (const key of weighed.ownKeys) {
    steps.push(await explainKey(seen, key, { kind: 'own', record: key.record }))
  }
  for (const key of weighed.sharedKeys) {
    const step = { kind: 'shared', record: key.record, lease: key.lease, reason: 'no_key' } as const
    steps.push(await explainKey(seen, key, step))
  }
  return [...steps, await explainServer(seen, { ...weighed, ownKeys, earlier })]
}

function whyUnreached({ weighed, leftAlone }: Situation, { endedBy }: Survey): string {
  if (endedBy !== null) return endedBy === 'provider_key_unreadable' ? 'undecryptable' : endedBy
  const isDown = weighed.ownKeys.some(
    ({ record, fate }) => fate === null && leftAlone({ kind: 'own', record }) !== null,
  )
  return isDown ? 'provider_down' : 'too_many_calls'
}

async function explainKey(seen: Seen, { record, fate }: OwnKey, step: NamedStep): Promise<ExplainedStep> {
  const { situation, turns, capped, unreached } = seen
  const billedTo = PAYER_OF[step.kind]
  const say = (decision: 'try' | 'skip', reason: string): ExplainedStep => ({ record, billedTo, decision, reason })
  if (step.kind === 'shared' && capped) return say('skip', 'capped')
  if (fate === 'unusable') {
    const absent = step.kind === 'own' ? 'payer_not_allowed' : 'lease_not_applicable'
    return say('skip', situation.whyUnusable(record) ?? absent)
  }
  if (fate !== null) return say('skip', nameFate(fate))
  const isDown = situation.leftAlone(step) !== null
  if (!turns.has(nameOf(step))) return say('skip', isDown ? 'provider_down' : unreached)
  const found = await situation.hindrance(step)
  if (found !== null) return say('skip', nameHindrance(found))
  if (!situation.opens(record)) return say('try', 'undecryptable')
  return say('try', isDown ? 'last_resort' : step.kind === 'own' ? 'own_key' : 'shared_key')
}

async function explainServer(seen: Seen, parts: ChainParts): Promise<ExplainedStep> {
  const { situation, turns, unreached } = seen
  const say = (decision: 'try' | 'skip', reason: string): ExplainedStep => {
    return { record: null, billedTo: 'server', decision, reason }
  }
  const { exists, fate } = parts.server
  if (!exists) return say('skip', 'no_server_key')
  const reasons = turns.get('server')
  const step = { kind: 'server', reason: 'no_key' } as const
  const isDown = situation.leftAlone(step) !== null
  if (!reasons) {
    if (!mayServe(parts)) return say('skip', whoForbids(parts))
    if (fate !== null) return say('skip', nameFate(fate))
    return say('skip', isDown ? 'provider_down' : unreached)
  }
  const found = await situation.hindrance(step)
  if (found !== null) return say('skip', nameHindrance(found))
  return say('try', isDown ? 'last_resort' : sortReasons(reasons).join(','))
}

/** Under some failure of the own keys, by the rules alone. */
function mayServe({ ownKeys, server, grants, earlier = [] }: ChainParts): boolean {
  const isKeyLeft = ownKeys.some(({ fate }) => fate === null)
  const failures = isKeyLeft ? (['invalid', 'outage', 'rate_limited', 'exhausted'] as const) : [null]
  return failures.some((failure) => {
    const supposed = ownKeys.map(({ record, fate }) => ({ record, fate: fate ?? failure }))
    const parts = { ownKeys: supposed, sharedKeys: [], server: { ...server, fate: null }, grants, earlier }
    return createChain(parts).next().kind === 'server'
  })
}

/** The first rule that keeps the server's keys out. */
function whoForbids({ ownKeys, grants, earlier = [] }: ChainParts): string {
  if (!grants.serverAllowed) return 'payer_not_allowed'
  if (grants.forbidden || ownKeys.some(({ record }) => record.fallback === 'never')) return 'not_allowed_by_key'
  const lasting = [...ownKeys, ...earlier].find(({ fate }) => LIMITED.has(fate) || fate === 'restricted')?.fate
  if (lasting) return nameFate(lasting)
  const grantsNothing = (policy: Grants['account'] | null) =>
    policy !== null && !FALLBACK_REASONS.some((reason) => allowsFallback(policy, reason))
  if (grants.operator.size === 0) return 'not_granted_by_operator'
  if (grantsNothing(grants.account)) return 'not_allowed_by_account'
  if (grantsNothing(grants.apiKey)) return 'not_allowed_by_api_key'
  if (grantsNothing(grants.request)) return 'not_allowed_by_request'
  return 'reason_not_granted'
}

function nameHindrance(found: Hindrance): string {
  return found instanceof GatewayError ? found.code : nameFate(found)
}

function nameFate(fate: KeyFate): string {
  return REASON_OF[fate] ?? fate
}
