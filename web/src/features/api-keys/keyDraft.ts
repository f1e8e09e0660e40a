// What the form of an API key holds, from the key and back to what is sent. Every limit has a "no limit" of its own, so
// that one that was set can be taken away again.
import type { ApiKey, UpdateApiKeyBody } from '../../../../contract/api-keys.ts'
import type { FallbackPolicy, Payer } from '../../../../contract/common.ts'
import type { TextKey } from '../../i18n.ts'

export const LIMITS = [
  'rate_limit_per_minute',
  'rate_limit_per_day',
  'token_limit_per_minute',
  'token_limit_per_day',
] as const
export type LimitName = (typeof LIMITS)[number]
export const PERIODS = ['day', 'month', 'total'] as const
export type Expiry = 'keep' | 'never' | 'day' | '30' | '90' | '365'

export interface LimitDraft {
  none: boolean
  amount: string
}

export interface KeyDraft {
  name: string
  /** Empty: of no team. */
  team: string
  expiry: Expiry
  expiryDay: string
  limits: Record<LimitName, LimitDraft>
  budget: LimitDraft & { period: (typeof PERIODS)[number] }
  models: string
  payers: Record<Payer, boolean>
  fallback: 'allow' | 'never' | 'listed'
  /** Where the policy lists reasons: those, which are kept. */
  reasons: FallbackPolicy
}

const DAY_MS = 86_400_000
const MOST = 1_000_000_000

export function draftOf(key: ApiKey | null): KeyDraft {
  const limit = (amount: number | null | undefined): LimitDraft =>
    amount === null || amount === undefined ? { none: true, amount: '' } : { none: false, amount: String(amount) }
  const allows = (payer: Payer): boolean => key?.allowed_payers?.includes(payer) ?? true
  return {
    name: key?.name ?? '',
    team: '',
    expiry: key === null ? '90' : key.expires_at === null ? 'never' : 'keep',
    expiryDay: '',
    limits: {
      rate_limit_per_minute: limit(key?.rate_limit_per_minute),
      rate_limit_per_day: limit(key?.rate_limit_per_day),
      token_limit_per_minute: limit(key?.token_limit_per_minute),
      token_limit_per_day: limit(key?.token_limit_per_day),
    },
    budget: { ...limit(key?.budget?.usd), period: key?.budget?.period ?? 'month' },
    models: key?.allowed_models?.join('\n') ?? '',
    payers: { user: allows('user'), team: allows('team'), server: allows('server') },
    fallback: Array.isArray(key?.fallback) ? 'listed' : key?.fallback === 'never' ? 'never' : 'allow',
    reasons: key?.fallback ?? 'allow',
  }
}

export type DraftField = 'name' | 'expiryDay' | LimitName | 'budget' | 'payers'

/** What is wrong with a draft, by field, each as a sentence that says what to do. */
export function checkDraft(draft: KeyDraft, now = Date.now()): Partial<Record<DraftField, TextKey>> {
  const problems: Partial<Record<DraftField, TextKey>> = {}
  if (draft.name.trim() === '') problems.name = 'apiKeys.form.needsName'
  if (draft.expiry === 'day' && !(Date.parse(`${draft.expiryDay}T23:59:59`) > now)) {
    problems.expiryDay = 'apiKeys.form.needsDay'
  }
  for (const name of LIMITS) {
    const { none, amount } = draft.limits[name]
    if (!none && !(/^\d+$/.test(amount) && Number(amount) >= 1 && Number(amount) <= MOST)) {
      problems[name] = 'apiKeys.form.needsCount'
    }
  }
  const { none, amount } = draft.budget
  if (!none && !(Number(amount) > 0 && Number(amount) <= 1_000_000)) problems.budget = 'apiKeys.form.needsUsd'
  if (!Object.values(draft.payers).includes(true)) problems.payers = 'apiKeys.form.needsPayer'
  return problems
}

/** The draft as it is sent; null takes away. */
export function bodyOf(draft: KeyDraft, now = Date.now()): UpdateApiKeyBody & { name: string } {
  const limit = ({ none, amount }: LimitDraft): number | null => (none ? null : Number(amount))
  const models = draft.models.split(/[\s,]+/).filter((model) => model !== '')
  const payers = (['user', 'team', 'server'] as const).filter((payer) => draft.payers[payer])
  const { budget } = draft
  return {
    name: draft.name.trim(),
    ...(draft.expiry !== 'keep' && { expires_at: readExpiry(draft, now) }),
    rate_limit_per_minute: limit(draft.limits.rate_limit_per_minute),
    rate_limit_per_day: limit(draft.limits.rate_limit_per_day),
    token_limit_per_minute: limit(draft.limits.token_limit_per_minute),
    token_limit_per_day: limit(draft.limits.token_limit_per_day),
    budget: budget.none ? null : { usd: Number(budget.amount), period: budget.period },
    allowed_models: models.length > 0 ? models : null,
    allowed_payers: payers.length === 3 ? null : payers,
    fallback: draft.fallback === 'listed' ? draft.reasons : draft.fallback,
  }
}

function readExpiry(draft: KeyDraft, now: number): string | null {
  if (draft.expiry === 'never') return null
  if (draft.expiry === 'day') return new Date(`${draft.expiryDay}T23:59:59`).toISOString()
  return new Date(now + Number(draft.expiry) * DAY_MS).toISOString()
}
