// Limits on how much may be used, as rows hold them and addresses take and answer them: the same six columns on users,
// teams and API keys. null means no limit.
import type { BudgetPeriod } from './periods.ts'

export interface LimitColumns {
  rate_limit_per_minute: number | null
  rate_limit_per_day: number | null
  token_limit_per_minute: number | null
  token_limit_per_day: number | null
  budget_usd_nanos: number | null
  budget_period: string | null
}

interface BudgetField {
  readonly usd: number
  readonly period: BudgetPeriod
}

/** As a body gives them: what is absent stays as it is. */
export interface LimitFields {
  readonly rate_limit_per_minute?: number | null | undefined
  readonly rate_limit_per_day?: number | null | undefined
  readonly token_limit_per_minute?: number | null | undefined
  readonly token_limit_per_day?: number | null | undefined
  readonly budget?: BudgetField | null | undefined
}

export const NO_LIMITS: Readonly<LimitColumns> = Object.freeze({
  rate_limit_per_minute: null,
  rate_limit_per_day: null,
  token_limit_per_minute: null,
  token_limit_per_day: null,
  budget_usd_nanos: null,
  budget_period: null,
})

const COUNTS = ['rate_limit_per_minute', 'rate_limit_per_day', 'token_limit_per_minute', 'token_limit_per_day'] as const

/** Only what was sent; null clears. */
export function toLimitColumns(fields: LimitFields): Partial<LimitColumns> {
  const columns: Partial<LimitColumns> = {}
  for (const name of COUNTS) {
    const value = fields[name]
    if (value !== undefined) columns[name] = value
  }
  const { budget } = fields
  if (budget !== undefined) {
    columns.budget_usd_nanos = budget === null ? null : Math.round(budget.usd * 1e9)
    columns.budget_period = budget === null ? null : budget.period
  }
  return columns
}

/** As answers say them. */
export function describeLimits(columns: Readonly<LimitColumns>): {
  rate_limit_per_minute: number | null
  rate_limit_per_day: number | null
  token_limit_per_minute: number | null
  token_limit_per_day: number | null
  budget: { usd: number; period: BudgetPeriod } | null
} {
  const budget = readBudget(columns)
  return {
    rate_limit_per_minute: columns.rate_limit_per_minute,
    rate_limit_per_day: columns.rate_limit_per_day,
    token_limit_per_minute: columns.token_limit_per_minute,
    token_limit_per_day: columns.token_limit_per_day,
    budget: budget && { usd: budget.usdNanos / 1e9, period: budget.period },
  }
}

export function readBudget({
  budget_usd_nanos: usdNanos,
  budget_period: period,
}: Pick<LimitColumns, 'budget_usd_nanos' | 'budget_period'>): { usdNanos: number; period: BudgetPeriod } | null {
  if (usdNanos === null) return null
  // An unreadable period bounds for good.
  return { usdNanos, period: period === 'day' || period === 'month' ? period : 'total' }
}
