// What the data plane knows of a caller who showed a UniRoute API key: frozen to the depth, so that one copy in memory
// can serve every request.
import type { Principal } from '../../http/route.ts'
import { parseStoredFallback, type StoredFallback } from '../../kernel/fallback.ts'
import { readBudget, type LimitColumns } from '../../kernel/limits.ts'
import type { SpendingLimit } from '../limits/budgets.ts'
import type { RateLimit } from '../limits/limits.ts'

export type AllowedPayer = 'user' | 'team' | 'server'

export interface ApiKeyContext {
  readonly principal: Principal
  /** Bare id; `account:<user>` where a signed-in user calls without a key. */
  readonly keyId: string
  readonly name: string
  readonly allowedModels: ReadonlySet<string> | null
  readonly allowedPayers: ReadonlySet<AllowedPayer> | null
  /** Of the API key. */
  readonly fallback: StoredFallback
  /** Of the user. */
  readonly accountFallback: StoredFallback
  /** How fast, of the API key, its user and its team; null where nobody set a limit. */
  readonly rateLimits: readonly RateLimit[] | null
  /** How much money, of the same three; empty where nobody set a budget. */
  readonly budgets: readonly SpendingLimit[]
  /** When this very text stops working: the key's own expiry, or the end of a rotation's overlap. */
  readonly expiresAt: number | null
}

/** A key's row with what counts of its user's. */
export interface ApiKeyState extends LimitColumns, Prefixed<'user', LimitColumns>, Prefixed<'team', LimitColumns> {
  readonly id: string
  readonly user_id: string
  readonly team_id: string | null
  readonly name: string
  readonly key_hash: string
  readonly previous_hash: string | null
  readonly previous_expires_at: number | null
  readonly is_active: boolean
  readonly expires_at: number | null
  readonly rate_limit_per_minute: number | null
  readonly rate_limit_per_day: number | null
  readonly budget_usd_nanos: number | null
  readonly budget_period: string | null
  readonly allowed_models: string | null
  readonly allowed_payers: string | null
  readonly fallback: string
  readonly user_role: 'admin' | 'user'
  readonly user_is_active: boolean
  readonly user_fallback: string
}

/** What counts of a user who calls without an API key. */
export interface HolderState extends LimitColumns {
  readonly id: string
  readonly role: 'admin' | 'user'
  readonly is_active: boolean
  readonly fallback: string
}

/** Why a key that exists may not be used, in the words its holder reads. */
export type KeyRefusal = 'revoked' | 'account-off'

/** The context for the text with this digest, or why there is none. Expiry is left to each use. */
export function buildContext(state: ApiKeyState, digest: string): ApiKeyContext | KeyRefusal {
  if (!state.user_is_active) return 'account-off'
  if (!state.is_active) return 'revoked'
  const overlapEnd = state.key_hash === digest ? null : (state.previous_expires_at ?? 0)
  const ends = [state.expires_at, overlapEnd].filter((end) => end !== null)
  return Object.freeze({
    principal: Object.freeze({
      kind: 'api-key',
      userId: state.user_id,
      role: state.user_role,
      sessionId: null,
      apiKeyId: state.id,
      teamId: state.team_id,
      authenticatedAt: null,
    }),
    keyId: state.id,
    name: state.name,
    allowedModels: state.allowed_models === null ? null : freezeSet(parseTexts(state.allowed_models)),
    allowedPayers: state.allowed_payers === null ? null : freezeSet(parseTexts(state.allowed_payers) as AllowedPayer[]),
    fallback: parseStoredFallback(state.fallback),
    accountFallback: parseStoredFallback(state.user_fallback),
    ...buildLimits([
      { kind: 'api-key', id: state.id, columns: state },
      { kind: 'user', id: state.user_id, columns: unprefix('user', state) },
      ...(state.team_id === null
        ? []
        : [{ kind: 'team' as const, id: state.team_id, columns: unprefix('team', state) }]),
    ]),
    expiresAt: ends.length === 0 ? null : Math.min(...ends),
  })
}

/** The context of a user who calls without an API key, under the rules of the account alone. */
export function buildHolderContext(holder: HolderState, sessionId: string | null): ApiKeyContext {
  const { id, role, fallback } = holder
  return Object.freeze({
    principal: Object.freeze({
      kind: 'session',
      userId: id,
      role,
      sessionId,
      apiKeyId: null,
      teamId: null,
      authenticatedAt: null,
    }),
    keyId: `account:${id}`,
    name: '',
    allowedModels: null,
    allowedPayers: null,
    fallback: 'allow',
    accountFallback: parseStoredFallback(fallback),
    ...buildLimits([{ kind: 'user', id, columns: holder }]),
    expiresAt: null,
  })
}

interface LimitHolder {
  readonly kind: RateLimit['kind']
  readonly id: string
  readonly columns: LimitColumns
}

function buildLimits(holders: readonly LimitHolder[]): Pick<ApiKeyContext, 'rateLimits' | 'budgets'> {
  const rateLimits = holders.flatMap(({ kind, id, columns }) =>
    RATES.flatMap(({ column, counts, per }) => {
      const most = columns[column]
      if (most === null) return []
      return [Object.freeze({ name: `${kind} ${id} ${counts} ${per}`, kind, counts, per, most })]
    }),
  )
  const budgets = holders.flatMap(({ kind, id, columns }) => {
    const budget = readBudget(columns)
    return budget ? [Object.freeze({ kind, id, ...budget })] : []
  })
  return { rateLimits: rateLimits.length === 0 ? null : Object.freeze(rateLimits), budgets: Object.freeze(budgets) }
}

const RATES = [
  { column: 'rate_limit_per_minute', counts: 'requests', per: 'minute' },
  { column: 'rate_limit_per_day', counts: 'requests', per: 'day' },
  { column: 'token_limit_per_minute', counts: 'tokens', per: 'minute' },
  { column: 'token_limit_per_day', counts: 'tokens', per: 'day' },
] as const

type Prefixed<Prefix extends string, Columns> = {
  readonly [Name in keyof Columns & string as `${Prefix}_${Name}`]: Columns[Name]
}

function unprefix(prefix: 'user' | 'team', state: ApiKeyState): LimitColumns {
  return {
    rate_limit_per_minute: state[`${prefix}_rate_limit_per_minute`],
    rate_limit_per_day: state[`${prefix}_rate_limit_per_day`],
    token_limit_per_minute: state[`${prefix}_token_limit_per_minute`],
    token_limit_per_day: state[`${prefix}_token_limit_per_day`],
    budget_usd_nanos: state[`${prefix}_budget_usd_nanos`],
    budget_period: state[`${prefix}_budget_period`],
  }
}

export function parseTexts(text: string): string[] {
  const value: unknown = JSON.parse(text)
  // An unreadable list permits nothing.
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

class FrozenSet<Item> extends Set<Item> {
  override add(): never {
    throw new TypeError('This set cannot be changed.')
  }
  override delete(): never {
    throw new TypeError('This set cannot be changed.')
  }
  override clear(): never {
    throw new TypeError('This set cannot be changed.')
  }
}

function freezeSet<Item>(items: readonly Item[]): ReadonlySet<Item> {
  const set = new FrozenSet<Item>()
  for (const item of items) Set.prototype.add.call(set, item)
  return Object.freeze(set)
}
