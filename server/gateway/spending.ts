// What a try may cost, held against every limit that applies to it before the call is made: the budget of the UniRoute
// API key, the owner's cap on the provider key, and the user's daily allowance on the server's keys.
import type { Prices } from '../catalog/prices.ts'
import { estimateTokens } from '../catalog/prices.ts'
import type { Budgets, Reservation, SpendingLimit } from '../features/limits/budgets.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { BudgetPeriod } from '../kernel/periods.ts'
import type { Exchange, Target } from './exchange.ts'

export interface Spending {
  /**
   * Reserves for one target. `capped`: its owner's cap, or the server's allowance, has no room. Throws budget_exceeded
   * where the API key itself has none left, since no other target changes that.
   */
  reserve(exchange: Exchange, target: Target): Promise<Reservation | 'capped' | 'allowance_spent'>
}

/** Most output tokens reserved for where the client names no bound. */
const UNBOUNDED_OUTPUT = 4_096
const UNLIMITED: Reservation = { settle: () => undefined }

export function createSpending(tools: {
  budgets: Budgets
  prices: Prices
  /** What the server's keys may cost one user in a day; null = unlimited. */
  allowanceUsdNanosPerDay: number | null
}): Spending {
  const { budgets, prices, allowanceUsdNanosPerDay } = tools

  function limitsOf(exchange: Exchange, target: Target): SpendingLimit[] {
    const { caller } = exchange
    const limits: SpendingLimit[] = []
    if (caller.budget) limits.push({ kind: 'api-key', id: caller.keyId, ...caller.budget })
    const { key } = target
    if (key && key.capUsdNanos !== null && key.capPeriod !== null) {
      limits.push({ kind: 'provider-key', id: key.id, usdNanos: key.capUsdNanos, period: readPeriod(key.capPeriod) })
    }
    const { lease } = target
    if (lease && lease.capUsdNanos !== null && lease.capPeriod !== null) {
      limits.push({ kind: 'lease', id: lease.id, usdNanos: lease.capUsdNanos, period: readPeriod(lease.capPeriod) })
    }
    if (target.payer === 'server' && allowanceUsdNanosPerDay !== null) {
      const { userId } = caller.principal
      limits.push({ kind: 'allowance', id: userId, usdNanos: allowanceUsdNanosPerDay, period: 'day' })
    }
    return limits
  }

  function estimate(exchange: Exchange, target: Target): number {
    const usage = {
      input: estimateTokens(exchange.bodyLength),
      cacheRead: null,
      cacheWrite: null,
      cacheWrite1h: null,
      output: exchange.operation.task === 'generate' ? (exchange.peek.maxOutput ?? UNBOUNDED_OUTPUT) : 0,
      reasoning: null,
    }
    return prices.priceUsage({ provider: target.provider.id, model: target.model, usage }).usdNanos ?? 0
  }

  return {
    async reserve(exchange, target) {
      const limits = limitsOf(exchange, target)
      if (limits.length === 0 || (exchange.pass && !exchange.pass.billed)) return UNLIMITED
      if (exchange.pass) return refuseUncounted(limits)
      // At least one nano-dollar, so that a limit with nothing left refuses what cannot be priced as well.
      const call = { requestId: exchange.id, firstAttempt: exchange.attempts + 1 }
      const verdict = await budgets.reserve(limits, Math.max(estimate(exchange, target), 1), call)
      if (verdict.ok) return verdict.reservation
      if (verdict.limit.kind === 'provider-key' || verdict.limit.kind === 'lease') return 'capped'
      if (verdict.limit.kind === 'allowance') return 'allowance_spent'
      throw new GatewayError('budget_exceeded', { message: explainBudget(verdict.limit, verdict.resetsAt) })
    },
  }
}

/** What cannot be counted cannot be bounded: it is not done under a limit at all. */
function refuseUncounted(limits: readonly SpendingLimit[]): 'capped' {
  if (!limits.some(({ kind }) => kind === 'api-key')) return 'capped'
  throw new GatewayError('budget_exceeded', {
    message:
      'This UniRoute API key has a budget, and UniRoute cannot know what this request costs. Use a key without a budget.',
  })
}

// An unreadable period bounds for good.
function readPeriod(text: string): BudgetPeriod {
  return text === 'day' || text === 'month' ? text : 'total'
}

function explainBudget(limit: SpendingLimit, resetsAt: number | null): string {
  const budget = `The budget of this UniRoute API key ($${limit.usdNanos / 1e9} per ${limit.period}) has no room for this request.`
  if (resetsAt === null) return `${budget} Raise it, or use another key.`
  return `${budget} It starts again at ${new Date(resetsAt).toISOString()}; raise it, or use another key.`
}
