// Limits as a form holds them, of an API key or a team. Each has a "no limit" of its own, so that one that was set can
// be taken away again.
import type { ApiKey } from '../../../../contract/api-keys.ts'
import type { TextKey } from '../../i18n.ts'

export const LIMITS = [
  'rate_limit_per_minute',
  'rate_limit_per_day',
  'token_limit_per_minute',
  'token_limit_per_day',
] as const
export type LimitName = (typeof LIMITS)[number]
export const PERIODS = ['day', 'month', 'total'] as const

export interface LimitDraft {
  none: boolean
  amount: string
}
export interface LimitsDraft {
  limits: Record<LimitName, LimitDraft>
  budget: LimitDraft & { period: (typeof PERIODS)[number] }
}
type Limits = Pick<ApiKey, LimitName | 'budget'>

const MOST = 1_000_000_000

export function draftLimits(of: Limits | null): LimitsDraft {
  const limit = (amount: number | null | undefined): LimitDraft =>
    amount === null || amount === undefined ? { none: true, amount: '' } : { none: false, amount: String(amount) }
  return {
    limits: {
      rate_limit_per_minute: limit(of?.rate_limit_per_minute),
      rate_limit_per_day: limit(of?.rate_limit_per_day),
      token_limit_per_minute: limit(of?.token_limit_per_minute),
      token_limit_per_day: limit(of?.token_limit_per_day),
    },
    budget: { ...limit(of?.budget?.usd), period: of?.budget?.period ?? 'month' },
  }
}

/** What is wrong, by field, each as a sentence that says what to do. */
export function checkLimits(draft: LimitsDraft): Partial<Record<LimitName | 'budget', TextKey>> {
  const problems: Partial<Record<LimitName | 'budget', TextKey>> = {}
  for (const name of LIMITS) {
    const { none, amount } = draft.limits[name]
    if (!none && !(/^\d+$/.test(amount) && Number(amount) >= 1 && Number(amount) <= MOST)) {
      problems[name] = 'apiKeys.form.needsCount'
    }
  }
  const { none, amount } = draft.budget
  if (!none && !(Number(amount) > 0 && Number(amount) <= 1_000_000)) problems.budget = 'apiKeys.form.needsUsd'
  return problems
}

/** As it is sent; null takes away. */
export function limitsOf({ limits, budget }: LimitsDraft): Limits {
  const limit = ({ none, amount }: LimitDraft): number | null => (none ? null : Number(amount))
  return {
    rate_limit_per_minute: limit(limits.rate_limit_per_minute),
    rate_limit_per_day: limit(limits.rate_limit_per_day),
    token_limit_per_minute: limit(limits.token_limit_per_minute),
    token_limit_per_day: limit(limits.token_limit_per_day),
    budget: budget.none ? null : { usd: Number(budget.amount), period: budget.period },
  }
}

export const hasLimits = (draft: LimitsDraft): boolean =>
  LIMITS.some((name) => !draft.limits[name].none) || !draft.budget.none
