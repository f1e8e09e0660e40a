// What a try may cost, held against every limit that applies to it before the call is made: the budgets of the UniRoute
// API key, its user and the team, the owner's caps on the provider key and its lease, and the user's daily allowance on
// the server's keys.
import type { Prices } from '../catalog/prices.ts'
import type { Budgets, Reservation, SpendingLimit } from '../features/limits/budgets.ts'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { BudgetPeriod } from '../kernel/periods.ts'
import type { Exchange, Target } from './exchange.ts'
import type { Reserving, Sent } from './reserving.ts'

/** Which limit stands in the way of a call. */
export type LimitFate = 'capped' | 'allowance_spent' | 'unpriced'

export interface Spending {
  /**
   * Reserves for one call, as `read` tells it is sent; asked only where there are limits. `capped`: the target's
   * owner's cap, or the budget of the team it is shared with, has no room. `unpriced`: there is such a limit, or the
   * allowance, and nobody knows what the call may cost. Throws budget_exceeded or price_unknown where a budget of the
   * caller is what stands in the way, since no other key changes that.
   */
  reserve(
    exchange: Exchange,
    target: Target,
    read: () => Sent,
  ): Reservation | LimitFate | Promise<Reservation | LimitFate>
  /** Was there no room under this cap of a key's for the last call that asked here, in the period that still runs? */
  isCapFull(keyId: string, capUsdNanos: number): boolean
}

const MOST_FULL_CAPS = 10_000
const UNLIMITED: Reservation = { settle: () => undefined }

export function createSpending(tools: {
  budgets: Budgets
  prices: Prices
  reserving: Reserving
  /** What the server's keys may cost one user in a day; null = unlimited. */
  allowanceUsdNanosPerDay: number | null
  clock: Clock
}): Spending {
  const { budgets, prices, reserving, allowanceUsdNanosPerDay, clock } = tools
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

  /** Nano-dollars; or why nobody knows. */
  function mostOf(exchange: Exchange, target: Target, sent: Sent): number | { why: string } {
    // Counting is free everywhere.
    if (exchange.operation.task === 'count') return 0
    const most = reserving.mostOf(exchange, target, sent)
    if ('why' in most) return most
    const { provider, model } = target
    return prices.priceMost({ provider: provider.id, model, most }) ?? { why: 'nobody has told its price' }
  }

  async function holdAgainst(
    limits: readonly SpendingLimit[],
    exchange: Exchange,
    target: Target,
    cost: number,
  ): Promise<Reservation | LimitFate> {
    // At least one nano-dollar, so that a limit with nothing left refuses what is free as well.
    const call = { requestId: exchange.id, firstAttempt: exchange.attempts + 1 }
    const verdict = await budgets.reserve(limits, Math.max(cost, 1), call)
    if (verdict.ok) {
      if (fullCaps.size > 0 && target.key) fullCaps.delete(target.key.id)
      return verdict.reservation
    }
    const { id, kind, usdNanos } = verdict.limit
    if (kind === 'provider-key') noteFullCap(id, usdNanos, verdict.resetsAt ?? Infinity)
    if (verdict.limit.kind === 'allowance') return 'allowance_spent'
    if (!isOfCaller(exchange, verdict.limit)) return 'capped'
    throw new GatewayError('budget_exceeded', { message: explainBudget(verdict.limit, verdict.resetsAt, cost) })
  }

  return {
    reserve(exchange, target, read) {
      const limits = limitsOf(exchange, target)
      if (limits.length === 0 || (exchange.pass && !exchange.pass.billed)) return UNLIMITED
      if (exchange.pass) return refuseUncounted(exchange, limits)
      const cost = mostOf(exchange, target, read())
      if (typeof cost === 'object') return refuseUnpriced(exchange, target, limits, cost.why)
      return holdAgainst(limits, exchange, target, cost)
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

/** A price that nobody knows fits into no limit; another key, or another model, may have none. */
function refuseUnpriced(
  exchange: Exchange,
  { provider, model }: Target,
  limits: readonly SpendingLimit[],
  why: string,
): 'unpriced' {
  const limit = limits.find((one) => isOfCaller(exchange, one))
  if (!limit) return 'unpriced'
  const { has, instead } = WORDS[limit.kind as BudgetHolder]
  throw new GatewayError('price_unknown', {
    message: `${has} a budget, and UniRoute cannot know what this request to ${provider.id}/${model} may cost: ${why}. ${instead}`,
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

function explainBudget(limit: SpendingLimit, resetsAt: number | null, cost: number): string {
  const { whose, more } = WORDS[limit.kind as BudgetHolder]
  const amount = `$${limit.usdNanos / 1e9} ${limit.period === 'total' ? 'in total' : `per ${limit.period}`}`
  const budget = `${whose} (${amount}) has no room for this request, which may cost up to ${showUsd(cost)}.`
  if (resetsAt === null) return `${budget} It does not start again: ${more}.`
  return `${budget} It starts again at ${new Date(resetsAt).toISOString()}; until then, ${more}.`
}

/** Rounded up to what is worth saying. */
function showUsd(nanos: number): string {
  const digits = nanos >= 1e9 ? 2 : nanos >= 1e6 ? 4 : 6
  return `$${(Math.ceil(nanos / 10 ** (9 - digits)) / 10 ** digits).toFixed(digits)}`
}
