// Which keys come into question for one request, in order, and under which rules the server's may serve. The answer is
// a chain: attempts walk it, explanations print it.
import { FALLBACK_REASONS } from '../../contract/common.ts'
import { isAllowedModel, type ModelNames } from '../catalog/model-names.ts'
import type { Without } from '../features/provider-keys/impact.ts'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { BorrowedKey } from '../features/teams/borrowed.ts'
import type { ApiKeyContext } from '../features/api-keys/context.ts'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import { parsePublicId } from '../kernel/ids.ts'
import type { StoredFallback } from '../kernel/fallback.ts'
import type { Provider } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import {
  createChain,
  type Chain,
  type ChainParts,
  type Grants,
  type KeyFate,
  type Obstacle,
  type OwnKey,
} from './chain.ts'
import type { Health } from './health.ts'

export interface PlanRequest {
  readonly caller: ApiKeyContext
  readonly provider: Provider
  /** null where no one model is asked for (a list). */
  readonly model: string | null
  /** Bare id of the key to try first among the caller's own, if it is one of them. */
  readonly preferredKey?: string | null
  /** Bare id of the key the request names, to be tried first; a refusal where the caller has no such key. */
  readonly namedKey?: string | null
  /** What is stored belongs to one account: the named key or the first usable one, and no other. */
  readonly oneKey?: boolean
  /** Models are used that cannot be seen: keys for certain models only do not serve. */
  readonly hidesModels?: boolean
  /** What is asked of the model, an operation's id: a key may be good for some uses only. */
  readonly use?: string
  /** Which rate limits count, where that is not the model's. */
  readonly scope?: string
  /** Value of `x-uniroute-fallback`; null when the header is absent. */
  readonly fallbackHeader: string | null
  /** The request reaches what an account stores: own keys only. Asked for where another's key might serve. */
  readonly ownKeysOnly: boolean | (() => boolean)
  /** Ids of the providers of all models that come into question: `never` on an own key for one holds for all. */
  readonly providers?: ReadonlySet<string>
  /** What stood in the way of own keys for the models that were asked before. */
  readonly earlier?: readonly Obstacle[]
  /** What to leave out, as if it had been deleted or ended: for previews. */
  readonly without?: Without
}

export interface Planner {
  planChain(request: PlanRequest): Promise<Chain>
  /** The same before it is put in motion: for explanations. */
  weighKeys(request: PlanRequest): Promise<ChainParts>
  /** Why a key counts as absent for this model (any, where null); null where it does not. */
  whyUnusable(record: ProviderKeyRecord, model: string | null): Unusable | null
}

export type Unusable = 'disabled' | 'expired' | 'model_not_allowed' | 'keys_not_taken'

export interface PlannerOptions {
  readonly providers: Providers
  readonly modelNames: ModelNames
  readonly health: Health
  readonly clock: Clock
  readonly chainFor: (userId: string) => readonly ProviderKeyRecord[] | Promise<readonly ProviderKeyRecord[]>
  /** Keys shared with this caller; with a team's API key, those shared with that team, the caller's own among them. */
  readonly sharedFor: (caller: ApiKeyContext) => readonly BorrowedKey[] | Promise<readonly BorrowedKey[]>
  /** Reasons the operator grants. */
  readonly serverFallback: ReadonlySet<string>
  readonly invalidGraceMs: number
}

/** How server keys are named where keys are counted. */
export function serverKeyName(provider: string): string {
  return `server:${provider}`
}

/** A new secret is a new key to `health`. */
export function healthName(record: Pick<ProviderKeyRecord, 'id' | 'keyVersion'>): string {
  return `${record.id}:${record.keyVersion}`
}

export function createPlanner(options: PlannerOptions): Planner {
  const { providers, modelNames, health, clock, chainFor, sharedFor, serverFallback, invalidGraceMs } = options

  async function weighKeys(request: PlanRequest): Promise<ChainParts> {
    const { caller, provider, model, fallbackHeader, without } = request
    const preferredKey = request.namedKey ?? request.preferredKey ?? null
    const { userId, teamId } = caller.principal
    const lent = sharedFor(caller)
    const shared = withoutSome(lent instanceof Promise ? await lent : lent, without)
    // A team's API key uses what is shared with the team, and its maker's other keys never.
    const chain = teamId === null ? chainFor(userId) : recordsOf(shared.filter((one) => isOwnedBy(one, userId)))
    const mine = chain instanceof Promise ? await chain : chain
    const present = without?.keyId === undefined ? mine : mine.filter(({ id }) => id !== without.keyId)
    const records = preferOne(
      present.filter((record) => record.provider === provider.id),
      (record) => record.id === preferredKey,
    )
    if (request.namedKey != null && !records.some(({ id }) => id === request.namedKey)) throw unknownKey(provider)
    const payers = caller.allowedPayers
    const [mayUserPay, mayTeamPay] = [payers === null || payers.has('user'), payers === null || payers.has('team')]
    // Keys that may not pay stay in the list, as if switched off: their owner's `never` binds all the same.
    const judged = records.map(
      (record) => ({ record, fate: mayUserPay ? judgeFor(record, request) : 'unusable' }) as const,
    )
    const ownKeys = request.oneKey ? takeOne(judged, request.namedKey ?? null) : judged
    const borrowed = preferOne(
      shared.filter((one) => one.record.provider === provider.id && !isOwnedBy(one, userId)),
      (one) => one.record.id === preferredKey,
    )
    const hasOthers = providers.hasServer(provider.id) || borrowed.length > 0
    const { ownKeysOnly: only } = request
    const ownKeysOnly = hasOthers && (typeof only === 'function' ? only() : only)
    const sharedKeys = ownKeysOnly
      ? []
      : borrowed.map(
          (one) =>
            ({
              ...one,
              fate: mayTeamPay ? (judgeShared(one, model) ?? judgeUse(one.record, request)) : 'unusable',
            }) as const,
        )
    const grants: Grants = {
      operator: serverFallback,
      account: caller.accountFallback,
      apiKey: caller.fallback,
      request: readFallbackHeader(fallbackHeader),
      serverAllowed: !ownKeysOnly && (payers === null || payers.has('server')),
      forbidden: present.some(
        (record) => record.fallback === 'never' && (request.providers?.has(record.provider) ?? false),
      ),
      graceOver: findGraceOver(present),
      // With `no_key` granted too, a junk key gains nothing.
      invalidOnceWorked: !serverFallback.has('no_key'),
    }
    const name = serverKeyName(provider.id)
    const isUnfit = request.use !== undefined && health.isUnfit(name, model ?? '', request.use)
    const fate = health.keyFate(name, model ?? '') ?? (isUnfit ? 'unfit' : null)
    return {
      ownKeys,
      sharedKeys,
      server: { exists: providers.hasServer(provider.id), fate },
      grants,
      earlier: request.earlier ?? [],
    }
  }

  return {
    weighKeys,
    planChain: async (request) => createChain(await weighKeys(request)),
    whyUnusable,
  }

  function whyUnusable(record: ProviderKeyRecord, model: string | null): Unusable | null {
    if (!record.isActive) return 'disabled'
    // The operator may have stopped taking users' keys since it was stored.
    if (!providers.takesKeys(record.provider)) return 'keys_not_taken'
    if (record.expiresAt !== null && record.expiresAt <= clock.now()) return 'expired'
    const wanted = model === null ? null : { provider: record.provider, model }
    return wanted && !isAllowedModel(modelNames, record.allowedModels, wanted) ? 'model_not_allowed' : null
  }

  function judgeFor(record: ProviderKeyRecord, request: PlanRequest): KeyFate | null {
    const { model, hidesModels, scope } = request
    if (hidesModels && record.allowedModels !== null) return 'unusable'
    return judgeKey(record, model, scope) ?? judgeUse(record, request)
  }

  function judgeUse(record: ProviderKeyRecord, { model, scope = model ?? '', use }: PlanRequest): KeyFate | null {
    return use !== undefined && health.isUnfit(healthName(record), scope, use) ? 'unfit' : null
  }

  function judgeKey(record: ProviderKeyRecord, model: string | null, scope = model ?? ''): KeyFate | null {
    if (whyUnusable(record, model) !== null) return 'unusable'
    const name = healthName(record)
    // The record may know better: the key passed a test since, or served on another instance.
    health.keepInStep(name, record)
    return health.keyFate(name, scope) ?? sharedFate(record, scope)
  }

  /** What other instances found, or this one before it was restarted. */
  function sharedFate({ status, probe, models }: ProviderKeyRecord, scope: string): KeyFate | null {
    if ((status === 'invalid' || status === 'exhausted') && probe !== null && probe.at > clock.now()) return status
    if (models.length === 0) return null
    const found = models.find(({ model, until }) => model === scope && until > clock.now())
    return found ? (found.status === 'cooling' ? 'rate_limited' : 'restricted') : null
  }

  function judgeShared({ record, lease }: BorrowedKey, model: string | null): KeyFate | null {
    if (lease.expiresAt !== null && lease.expiresAt <= clock.now()) return 'unusable'
    const wanted = model === null ? null : { provider: record.provider, model }
    if (wanted && !isAllowedModel(modelNames, lease.allowedModels, wanted)) return 'unusable'
    return judgeKey(record, model)
  }

  // The grace runs per user and provider from the earliest rejection, so a new junk key each day gains nothing.
  function findGraceOver(records: readonly ProviderKeyRecord[]): ReadonlySet<string> {
    const since = clock.now() - invalidGraceMs
    const isOver = ({ status, statusAt }: ProviderKeyRecord): boolean => status === 'invalid' && (statusAt ?? 0) < since
    if (!records.some(isOver)) return NO_PROVIDERS
    return new Set(records.filter(isOver).map(({ provider }) => provider))
  }
}

const NO_PROVIDERS: ReadonlySet<string> = new Set()

/** Those that `isPreferred` names come first; the others keep their order. */
function preferOne<One>(all: readonly One[], isPreferred: (one: One) => boolean): readonly One[] {
  if (all.length < 2 || !all.some(isPreferred)) return all
  return all.toSorted((a, b) => Number(isPreferred(b)) - Number(isPreferred(a)))
}

function isOwnedBy({ record }: BorrowedKey, userId: string): boolean {
  return record.userId === userId
}

function recordsOf(shared: readonly BorrowedKey[]): ProviderKeyRecord[] {
  return shared.map(({ record }) => record)
}

function withoutSome(shared: readonly BorrowedKey[], without: Without | undefined): readonly BorrowedKey[] {
  if (without === undefined) return shared
  return shared.filter(({ record, lease }) => record.id !== without.keyId && !without.leaseIds?.includes(lease.id))
}

/** Ids mean nothing to another account: one key serves, or says why it cannot. */
function takeOne(keys: readonly OwnKey[], named: string | null): readonly OwnKey[] {
  const one = keys.find(({ record, fate }) => (named === null ? fate !== 'unusable' : record.id === named))
  return one ? [one] : keys
}

function unknownKey(provider: Provider): GatewayError {
  return new GatewayError('no_usable_key', {
    message: `x-uniroute-key names none of your keys for ${provider.name}. Send the id of one, as GET /admin/provider-keys lists it, or leave the header out.`,
  })
}

/** The key a request names by `x-uniroute-key: pk_…`, bare; null without the header. */
export function readKeyHeader(value: string | undefined): string | null {
  if (value === undefined) return null
  const id = parsePublicId('pk', value.trim())
  if (id !== undefined) return id
  throw new GatewayError('bad_request', {
    message: 'The header x-uniroute-key takes the id of one of your provider keys: pk_….',
  })
}

/** A request can only narrow: an unknown word is refused rather than read as permission. */
export function readFallbackHeader(value: string | null): StoredFallback | null {
  if (value === null) return null
  const words = value
    .toLowerCase()
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  if (words.length === 1 && words[0] === 'never') return 'never'
  const unknown = words.length === 0 || words.some((word) => !(FALLBACK_REASONS as readonly string[]).includes(word))
  if (unknown) {
    throw new GatewayError('bad_request', {
      message: `The header x-uniroute-fallback takes "never" or a list of ${FALLBACK_REASONS.join(', ')}.`,
    })
  }
  return words
}
