// The order of keys for one request and one provider, as a walk: the user's own keys in order, then keys shared with
// them, then the server's, under the rules of who may serve whom. Pure: it is told each key's state and each try's
// outcome, and says what comes next.
// Invariants: the server serves only if operator, account, API key and request allow every reason contributed, and each
// key's own policy allows its own, over all models of the request; `never` on a key binds while the key exists; a key
// that cannot be opened ends the walk; after an outage no further user's key is tried, since another key does not
// repair a provider; shared keys contribute neither a reason nor a policy, and stay out once an owner's spending cap is
// reached.
import { allowsFallback, type StoredFallback } from '../kernel/fallback.ts'
import type { FallbackReason, Payer } from '../../contract/common.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { Lease } from '../features/teams/borrowed.ts'

/** Why a key is not tried, or what became of the try. */
export type KeyFate =
  | 'unusable' // off, expired, or the model filtered out: as if absent
  | 'unfit' // the provider takes it elsewhere, but not for this, or not from here
  | 'invalid'
  | 'exhausted'
  | 'rate_limited'
  | 'restricted'
  | 'capped'
  | 'allowance_spent' // of the server's keys
  | 'unpriced' // a limit in money holds, and nobody knows what the call may cost
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
  /** An own key for another model of this request says `never`. */
  readonly forbidden?: boolean
  /** Providers at which `invalid` may lean on the server no more: own keys have been rejected there for too long. */
  readonly graceOver: ReadonlySet<string>
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
  unfit: 'no_key',
  invalid: 'invalid',
  exhausted: 'exhausted',
  rate_limited: 'rate_limited',
  outage: 'outage',
  restricted: null,
  capped: null,
  allowance_spent: null,
  unpriced: null,
}

/** An owner's own limit stood in the way: nobody else's key makes up for it. */
export const LIMITED: ReadonlySet<KeyFate | null> = new Set<KeyFate | null>(['capped', 'unpriced'])

/** What a chain is made of. */
export interface ChainParts {
  readonly ownKeys: readonly OwnKey[]
  readonly sharedKeys: readonly SharedKey[]
  readonly server: ServerSide
  readonly grants: Grants
  /** What stood in the way of the caller's own keys for the models that this request asked for before. */
  readonly earlier?: readonly Obstacle[]
}

export function createChain(parts: ChainParts): Chain {
  const { ownKeys, sharedKeys, server, earlier = [] } = parts
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
    const isCapped = ({ payer, fate }: Obstacle) => payer === 'user' && LIMITED.has(fate)
    if (sharedKeys.length === 0 || obstacles.some(isCapped) || earlier.some(isCapped)) return null
    while (sharedIndex < sharedKeys.length && !isProviderDown()) {
      const { record, lease, fate } = sharedKeys[sharedIndex++]!
      if (fate === null) return { kind: 'shared', record, lease, reason: reasonOf(earlier, obstacles) }
      setAside('team', record, fate)
    }
    return null
  }

  function nextServer(): Step | null {
    if (serverDone) return null
    serverDone = true
    const reason = serverReason(parts, obstacles)
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
function reasonOf(earlier: readonly Obstacle[], obstacles: readonly Obstacle[]): FallbackReason {
  const own = [...earlier, ...obstacles].filter(({ payer }) => payer === 'user')
  const last = own.findLast(({ fate }) => fate !== 'unusable') ?? own.at(-1)
  // A model that the account behind the own key may not use: for this request there is no own key.
  return (last && REASON_OF[last.fate]) ?? 'no_key'
}

/** The reason under which the server may serve now; null when some rule forbids it. */
function serverReason(parts: ChainParts, obstacles: readonly Obstacle[]): FallbackReason | null {
  const { ownKeys, grants, earlier = [] } = parts
  if (!grants.serverAllowed) return null
  if (grants.forbidden || ownKeys.some(({ record }) => record.fallback === 'never')) return null
  const own = obstacles.filter(({ payer }) => payer === 'user')
  const telling = own.filter(({ fate }) => fate !== 'unusable')
  const contributing = telling.length > 0 ? telling : own
  if (contributing.length === 0 && !allGrant(grants, 'no_key')) return null
  const all = [...earlier.filter(({ fate }) => fate !== 'unusable'), ...contributing]
  return all.every((one) => isGranted(grants, one)) ? reasonOf(earlier, obstacles) : null
}

/** Everybody allows the reason of this key, its own policy too. */
function isGranted(grants: Grants, { fate, record }: Obstacle): boolean {
  const reason = REASON_OF[fate]
  if (reason === null || !allGrant(grants, reason)) return false
  if (record && !allowsFallback(record.fallback, reason)) return false
  if (reason !== 'invalid' || !record) return true
  return !grants.graceOver.has(record.provider) && !(grants.invalidOnceWorked && record.workedAt === null)
}

function allGrant(grants: Grants, reason: FallbackReason): boolean {
  return (
    grants.operator.has(reason) &&
    allowsFallback(grants.account, reason) &&
    allowsFallback(grants.apiKey, reason) &&
    (grants.request === null || allowsFallback(grants.request, reason))
  )
}
