// The periods over which spending is counted. Day and month are those of UTC; `total` never ends.

export type BudgetPeriod = 'day' | 'month' | 'total'

/** Periods begin at UTC midnight. */
export function startOfPeriod(period: BudgetPeriod, now: number): number {
  const date = new Date(now)
  if (period === 'day') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate())
  return period === 'month' ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) : 0
}

export function endOfPeriod(period: BudgetPeriod, now: number): number | null {
  const date = new Date(now)
  if (period === 'day') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 1)
  return period === 'month' ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) : null
}
