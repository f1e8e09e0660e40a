// The order of keys for one request and one provider, as a walk: the user's own keys in order, then keys shared with
// them, then the server's, under the rules of who may serve whom. Pure: it is told each key's state and each try's outcome, and says what comes next.
// Invariants: the server serves only if operator, account, API key and request allow every reason contributed, and each
// key's own policy allows its own; `never` on a key binds while the key exists; a key that cannot be opened ends the
// walk; after an outage no further user's key is tried, since another key does not repair a provider; shared keys
// contribute neither a reason nor a policy, and stay out once an owner's spending cap is reached.
import { allowsFallback, type StoredFallback } from '../kernel/fallback.ts'
import type { FallbackReason, Payer } from '../../contract/common.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { Lease } from '../features/teams/borrowed.ts'

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

/** Another user's key that is shared with the caller. */
export interface SharedKey extends OwnKey {
  readonly lease: Lease
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
  /** `reason`: why the user's own keys do not serve. */
  | {
      readonly kind: 'shared'
      readonly record: ProviderKeyRecord
      readonly lease: Lease
      readonly reason: FallbackReason
    }
  | { readonly kind: 'server'; readonly reason: FallbackReason }
  | { readonly kind: 'none' }

/** One thing that stood in the way, for the final error and for explanations. */
export interface Obstacle {
  readonly payer: Payer
  readonly record: ProviderKeyRecord | null
  readonly fate: KeyFate
}

export interface Chain {
  next(): Step
  /** The step given last failed. */
  report(fate: KeyFate): void
  /** A step that was set aside as an outage is taken after all; what comes of it replaces that obstacle. */
  retry(step: Exclude<Step, { kind: 'none' }>): void
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

/** What a chain is made of. */
export interface ChainParts {
  readonly ownKeys: readonly OwnKey[]
  readonly sharedKeys: readonly SharedKey[]
  readonly server: ServerSide
  readonly grants: Grants
}

export function createChain({ ownKeys, sharedKeys, server, grants }: ChainParts): Chain {
  const obstacles: Obstacle[] = []
  let ownIndex = 0
  let sharedIndex = 0
  let serverDone = false
  let current: Step = { kind: 'none' }

  function setAside(payer: Payer, record: ProviderKeyRecord | null, fate: KeyFate): void {
    obstacles.push({ payer, record, fate })
  }

  const isProviderDown = () => obstacles.some(({ payer, fate }) => payer !== 'server' && fate === 'outage')

  function nextOwn(): Step | null {
    while (ownIndex < ownKeys.length && !isProviderDown()) {
      const { record, fate } = ownKeys[ownIndex++]!
      if (fate === null) return { kind: 'own', record }
      setAside('user', record, fate)
    }
    return null
  }

  function nextShared(): Step | null {
    if (sharedKeys.length === 0 || obstacles.some(({ payer, fate }) => payer === 'user' && fate === 'capped'))
      return null
    while (sharedIndex < sharedKeys.length && !isProviderDown()) {
      const { record, lease, fate } = sharedKeys[sharedIndex++]!
      if (fate === null) return { kind: 'shared', record, lease, reason: reasonOf(obstacles) }
      setAside('team', record, fate)
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
      current = nextOwn() ?? nextShared() ?? nextServer() ?? { kind: 'none' }
      return current
    },
    retry(step) {
      const [payer, record] = [PAYER_OF[step.kind], step.kind === 'server' ? null : step.record]
      const at = obstacles.findLastIndex((one) => one.payer === payer && one.record === record && one.fate === 'outage')
      if (at !== -1) obstacles.splice(at, 1)
      serverDone = step.kind === 'server'
      current = step
    },
    report(fate) {
      if (current.kind === 'none') return
      setAside(PAYER_OF[current.kind], current.kind === 'server' ? null : current.record, fate)
    },
    obstacles,
  }
}

export const PAYER_OF = { own: 'user', shared: 'team', server: 'server' } as const

/** Of the last own key that stood in the way. */
function reasonOf(obstacles: readonly Obstacle[]): FallbackReason {
  const own = obstacles.filter(({ payer }) => payer === 'user')
  const last = own.findLast(({ fate }) => fate !== 'unusable') ?? own.at(-1)
  // A model that the account behind the own key may not use: for this request there is no own key.
  return (last && REASON_OF[last.fate]) ?? 'no_key'
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
