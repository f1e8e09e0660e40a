// The order of keys for one request and one provider, as a walk: the user's own keys in order, then the server's, under
// the rules of who may serve whom. Pure: it is told each key's state and each try's outcome, and says what comes next.
// Invariants: the server serves only if operator, account, API key and request allow every reason contributed, and each
// key's own policy allows its own; `never` on a key binds while the key exists; a key that cannot be opened ends the
// walk; after an outage no further own key is tried, since another key does not repair a provider.
import { allowsFallback, type StoredFallback } from '../kernel/fallback.ts'
import type { FallbackReason } from '../../contract/common.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'

/** Why a key is not tried, or what became of the try. */
export type KeyFate =
  | 'unusable' // off, expired, or the model filtered out: as if absent
  | 'invalid'
  | 'exhausted'
  | 'rate_limited'
  | 'restricted'
  | 'capped'
  | 'allowance_spent' // of the server's keys
  | 'outage'

export interface OwnKey {
  readonly record: ProviderKeyRecord
  /** Set aside before any try, by its state; null = try it. */
  readonly fate: KeyFate | null
}

export interface ServerSide {
  /** Is there a server key (or a keyless server) for this provider? */
  readonly exists: boolean
  /** Set aside by its own state. */
  readonly fate: KeyFate | null
}

export interface Grants {
  readonly operator: ReadonlySet<string>
  readonly account: StoredFallback
  readonly apiKey: StoredFallback
  /** Of the request's header; null when it says nothing. */
  readonly request: StoredFallback | null
  /** May the server's keys pay at all, by the API key's allowed payers and the kind of request? */
  readonly serverAllowed: boolean
  /** May `invalid` still lean on the server, within its grace? */
  readonly invalidGrace: boolean
  /** `invalid` counts only for a key that once worked: else anyone stores a junk key to spend the operator's. */
  readonly invalidOnceWorked: boolean
}

export type Step =
  | { readonly kind: 'own'; readonly record: ProviderKeyRecord }
  | { readonly kind: 'server'; readonly reason: FallbackReason }
  | { readonly kind: 'none' }

/** One thing that stood in the way, for the final error and for explanations. */
export interface Obstacle {
  readonly payer: 'user' | 'server'
  readonly record: ProviderKeyRecord | null
  readonly fate: KeyFate
}

export interface Chain {
  next(): Step
  /** The step given last failed. */
  report(fate: KeyFate): void
  /** A step that was set aside as an outage is taken after all; what comes of it replaces that obstacle. */
  retry(step: Exclude<Step, { kind: 'none' }>): void
  /** Is there a server step to come if the users' side fails with an outage? */
  readonly obstacles: readonly Obstacle[]
}

const REASON_OF: Readonly<Record<KeyFate, FallbackReason | null>> = {
  unusable: 'no_key',
  invalid: 'invalid',
  exhausted: 'exhausted',
  rate_limited: 'rate_limited',
  outage: 'outage',
  restricted: null,
  capped: null,
  allowance_spent: null,
}

export function createChain(ownKeys: readonly OwnKey[], server: ServerSide, grants: Grants): Chain {
  const obstacles: Obstacle[] = []
  let index = 0
  let outage = false
  let serverDone = false
  let current: Step = { kind: 'none' }

  function setAside(payer: Obstacle['payer'], record: ProviderKeyRecord | null, fate: KeyFate): void {
    obstacles.push({ payer, record, fate })
    if (fate === 'outage' && payer === 'user') outage = true
  }

  function nextOwn(): Step | null {
    while (!outage && index < ownKeys.length) {
      const { record, fate } = ownKeys[index++]!
      if (fate === null) return { kind: 'own', record }
      setAside('user', record, fate)
    }
    return null
  }

  function nextServer(): Step | null {
    if (serverDone) return null
    serverDone = true
    const reason = serverReason(ownKeys, obstacles, grants)
    if (!server.exists || reason === null) return null
    if (server.fate !== null) {
      setAside('server', null, server.fate)
      return null
    }
    return { kind: 'server', reason }
  }

  return {
    next() {
      current = nextOwn() ?? nextServer() ?? { kind: 'none' }
      return current
    },
    retry(step) {
      const record = step.kind === 'own' ? step.record : null
      const payer = step.kind === 'own' ? 'user' : 'server'
      const at = obstacles.findLastIndex((one) => one.payer === payer && one.record === record && one.fate === 'outage')
      if (at !== -1) obstacles.splice(at, 1)
      outage = obstacles.some((one) => one.payer === 'user' && one.fate === 'outage')
      serverDone = step.kind === 'server'
      current = step
    },
    report(fate) {
      if (current.kind === 'own') setAside('user', current.record, fate)
      else if (current.kind === 'server') setAside('server', null, fate)
    },
    obstacles,
  }
}

/** The reason under which the server may serve now; null when some rule forbids it. */
function serverReason(
  ownKeys: readonly OwnKey[],
  obstacles: readonly Obstacle[],
  grants: Grants,
): FallbackReason | null {
  if (!grants.serverAllowed) return null
  if (ownKeys.some(({ record }) => record.fallback === 'never')) return null
  const own = obstacles.filter(({ payer }) => payer === 'user')
  const telling = own.filter(({ fate }) => fate !== 'unusable')
  const contributing = telling.length > 0 ? telling : own
  const reasons = contributing.length > 0 ? contributing.map(({ fate }) => REASON_OF[fate]) : ['no_key' as const]
  for (const reason of reasons) {
    if (reason === null || !allGrant(grants, reason)) return null
  }
  for (const { record, fate } of contributing) {
    const reason = REASON_OF[fate]
    if (record && reason && !allowsFallback(record.fallback, reason)) return null
    if (reason === 'invalid' && grants.invalidOnceWorked && record?.workedAt === null) return null
  }
  return reasons.at(-1) ?? null
}

function allGrant(grants: Grants, reason: FallbackReason): boolean {
  return (
    grants.operator.has(reason) &&
    allowsFallback(grants.account, reason) &&
    allowsFallback(grants.apiKey, reason) &&
    (grants.request === null || allowsFallback(grants.request, reason)) &&
    (reason !== 'invalid' || grants.invalidGrace)
  )
}
