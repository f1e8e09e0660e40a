// What a try may cost, held against every limit that applies to it before the call is made: the budgets of the UniRoute
// API key, its user and the team, the owner's caps on the provider key and its lease, and the user's daily allowance on the
// server's keys.
import type { Prices } from '../catalog/prices.ts'
import type { Budgets, Reservation, SpendingLimit } from '../features/limits/budgets.ts'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { BudgetPeriod } from '../kernel/periods.ts'
import { estimateUse } from './admission.ts'
import type { Exchange, Target } from './exchange.ts'

export interface Spending {
  /**
   * Reserves for one target. `capped`: its owner's cap, or the budget of the team it is shared with, has no room. Throws
   * budget_exceeded where a budget of the caller has none left, since no other target changes that.
   */
  reserve(exchange: Exchange, target: Target): Promise<Reservation | 'capped' | 'allowance_spent'>
  /** Was there no room under this cap of a key's for the last call that asked here, in the period that still runs? */
  isCapFull(keyId: string, capUsdNanos: number): boolean
}

const MOST_FULL_CAPS = 10_000
const UNLIMITED: Reservation = { settle: () => undefined }

export function createSpending(tools: {
  budgets: Budgets
  prices: Prices
  /** What the server's keys may cost one user in a day; null = unlimited. */
  allowanceUsdNanosPerDay: number | null
  clock: Clock
}): Spending {
  const { budgets, prices, allowanceUsdNanosPerDay, clock } = tools
  const fullCaps = new Map<string, { usdNanos: number; until: number }>()

  /** `until` is epoch ms. */
  function noteFullCap(id: string, usdNanos: number, until: number): void {
    fullCaps.delete(id)
    fullCaps.set(id, { usdNanos, until })
    if (fullCaps.size > MOST_FULL_CAPS) fullCaps.delete(fullCaps.keys().next().value as string)
  }

  function limitsOf(exchange: Exchange, target: Target): SpendingLimit[] {
    const { caller } = exchange
    const limits: SpendingLimit[] = [...caller.budgets]
    const { key } = target
    if (key && key.capUsdNanos !== null && key.capPeriod !== null) {
      limits.push({ kind: 'provider-key', id: key.id, usdNanos: key.capUsdNanos, period: readPeriod(key.capPeriod) })
    }
    const { lease } = target
    // With the team's own API key, its budget is among the caller's.
    if (lease?.teamBudget && lease.teamId !== caller.principal.teamId) {
      limits.push({ kind: 'team', id: lease.teamId, ...lease.teamBudget })
    }
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
    const { input, output } = estimateUse(exchange)
    const usage = {
      input,
      cacheRead: null,
      cacheWrite: null,
      cacheWrite1h: null,
      output,
      reasoning: null,
      searches: null,
    }
    return prices.priceUsage({ provider: target.provider.id, model: target.model, usage }).usdNanos ?? 0
  }

  return {
    async reserve(exchange, target) {
      const limits = limitsOf(exchange, target)
      if (limits.length === 0 || (exchange.pass && !exchange.pass.billed)) return UNLIMITED
      if (exchange.pass) return refuseUncounted(exchange, limits)
      // At least one nano-dollar, so that a limit with nothing left refuses what cannot be priced as well.
      const call = { requestId: exchange.id, firstAttempt: exchange.attempts + 1 }
      const verdict = await budgets.reserve(limits, Math.max(estimate(exchange, target), 1), call)
      if (verdict.ok) {
        if (fullCaps.size > 0 && target.key) fullCaps.delete(target.key.id)
        return verdict.reservation
      }
      const { id, kind, usdNanos } = verdict.limit
      if (kind === 'provider-key') noteFullCap(id, usdNanos, verdict.resetsAt ?? Infinity)
      if (verdict.limit.kind === 'allowance') return 'allowance_spent'
      if (!isOfCaller(exchange, verdict.limit)) return 'capped'
      throw new GatewayError('budget_exceeded', { message: explainBudget(verdict.limit, verdict.resetsAt) })
    },
    isCapFull(keyId, capUsdNanos) {
      const full = fullCaps.get(keyId)
      return full !== undefined && full.usdNanos === capUsdNanos && full.until > clock.now()
    },
  }
}

/** What cannot be counted cannot be bounded: it is not done under a limit at all. */
function refuseUncounted(exchange: Exchange, limits: readonly SpendingLimit[]): 'capped' {
  const limit = limits.find((one) => isOfCaller(exchange, one))
  if (!limit) return 'capped'
  const { has, instead } = WORDS[limit.kind as BudgetHolder]
  throw new GatewayError('budget_exceeded', {
    message: `${has} a budget, and UniRoute cannot know what this request costs. ${instead}`,
  })
}

/** Does it bound the caller whichever key serves? Then no other target changes that. */
function isOfCaller({ caller }: Exchange, { kind, id }: SpendingLimit): boolean {
  return caller.budgets.some((one) => one.kind === kind && one.id === id)
}

type BudgetHolder = 'api-key' | 'user' | 'team'

const WORDS: Record<BudgetHolder, { whose: string; has: string; more: string; instead: string }> = {
  'api-key': {
    whose: 'The budget of this UniRoute API key',
    has: 'This UniRoute API key has',
    more: 'raise it, or use another key',
    instead: 'Use a key without a budget.',
  },
  user: {
    whose: 'The budget of your account',
    has: 'Your account has',
    more: 'ask an administrator for more',
    instead: 'Ask an administrator.',
  },
  team: {
    whose: 'The budget of your team',
    has: 'Your team has',
    more: "ask the team's admins for more",
    instead: 'Use a key that is not for the team.',
  },
}

// An unreadable period bounds for good.
function readPeriod(text: string): BudgetPeriod {
  return text === 'day' || text === 'month' ? text : 'total'
}

function explainBudget(limit: SpendingLimit, resetsAt: number | null): string {
  const { whose, more } = WORDS[limit.kind as BudgetHolder]
  const amount = `$${limit.usdNanos / 1e9} ${limit.period === 'total' ? 'in total' : `per ${limit.period}`}`
  const budget = `${whose} (${amount}) has no room for this request.`
  if (resetsAt === null) return `${budget} It does not start again: ${more}.`
  return `${budget} It starts again at ${new Date(resetsAt).toISOString()}; until then, ${more}.`
}
