// Effort words and thinking budgets, each as the other's nearest.
import type { Effort, ReasoningWish } from './canonical.ts'
import type { ModelProfile } from './profile.ts'

/** Share of the model's output maximum that an effort may think. */
const SHARES: Readonly<Record<Effort, number>> = {
  none: 0,
  minimal: 0.02,
  low: 0.1,
  medium: 0.3,
  high: 0.6,
  xhigh: 0.9,
  max: 0.9,
}

const LEAST_BUDGET = 1024
const ORDER: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

/** Tokens for an effort: at least 1,024, below the output maximum; 0 for none. */
export function budgetOfEffort(effort: Effort, profile: Pick<ModelProfile, 'maxOutput'>): number {
  if (effort === 'none') return 0
  const budget = Math.max(LEAST_BUDGET, Math.floor(profile.maxOutput * SHARES[effort]))
  return Math.min(budget, Math.max(profile.maxOutput - 1, LEAST_BUDGET))
}

/** The effort a budget stands for; undefined where the model decides. */
export function effortOfBudget(budget: number): Effort | undefined {
  if (budget < 0) return undefined
  if (budget === 0) return 'none'
  if (budget <= 2048) return 'low'
  if (budget <= 16384) return 'medium'
  return budget <= 32768 ? 'high' : 'xhigh'
}

/** What the client wishes as one effort word: its own word wins over a budget. */
export function effortOf(wish: ReasoningWish): Effort | undefined {
  return wish.effort ?? (wish.budget === undefined ? undefined : effortOfBudget(wish.budget))
}

/** The nearest word the model knows: the same, else the next below, else the lowest above. */
export function nearestEffort(effort: Effort, known: readonly Effort[]): Effort | undefined {
  if (known.includes(effort)) return effort
  const rank = ORDER.indexOf(effort)
  const below = known.filter((word) => ORDER.indexOf(word) < rank)
  return below.at(-1) ?? known[0]
}
