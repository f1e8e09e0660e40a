// Spending limits in US dollars: on a UniRoute API key, on one's own provider key, and on what the server's keys may cost
// a user in a day. A call reserves what it may cost before it is made and is refused when that does not fit, so parallel
// calls cannot overspend; when it is over, the reservation becomes what it really cost.
// Invariants: what was spent is read from the ledger once per period, after everything this process still holds has been
// folded into it; a reservation is settled exactly once; money is whole nano-dollars. Held in memory, for one process.
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { endOfPeriod, startOfPeriod, type BudgetPeriod } from '../../kernel/periods.ts'

export interface SpendingLimit {
  /**
   * api-key: all an API key causes · provider-key: all one key pays · lease: what its borrowers spend · allowance: all
   * server keys pay for one user.
   */
  readonly kind: 'api-key' | 'provider-key' | 'lease' | 'allowance'
  /** Bare id of the key, the lease or the user. */
  readonly id: string
  readonly usdNanos: number
  readonly period: BudgetPeriod
}

export interface Reservation {
  /** Turns it into what was spent; later calls do nothing. */
  settle(usdNanos: number): void
}

export type BudgetVerdict =
  | { readonly ok: true; readonly reservation: Reservation }
  | {
      readonly ok: false
      readonly limit: SpendingLimit
      /** Epoch ms; null = never. */ readonly resetsAt: number | null
    }

export interface Budgets {
  /** Reserves under all limits or under none. */
  reserve(limits: readonly SpendingLimit[], usdNanos: number): Promise<BudgetVerdict>
  /** Does a limit have anything left? */
  hasRoom(limit: SpendingLimit): Promise<boolean>
}

interface Account {
  readonly since: number
  spent: number
  reserved: number
}

const MOST_ACCOUNTS = 50_000

export function createBudgets(options: {
  database: Pick<Database, 'query'>
  clock: Clock
  /** Everything this process has seen is in the database when it resolves. */
  flushLedger: () => Promise<void>
}): Budgets {
  const { database, clock, flushLedger } = options
  const accounts = new Map<string, Account>()
  const loading = new Map<string, Promise<Account>>()

  async function load(limit: SpendingLimit, since: number, name: string): Promise<Account> {
    await flushLedger()
    const spent = await readSpent(database, limit, since)
    const account = { since, spent, reserved: 0 }
    accounts.set(name, account)
    for (const [other, { reserved }] of accounts) {
      if (accounts.size <= MOST_ACCOUNTS) break
      if (reserved === 0 && other !== name) accounts.delete(other)
    }
    return account
  }

  function accountOf(limit: SpendingLimit): Account | Promise<Account> {
    const since = startOfPeriod(limit.period, clock.now())
    const name = `${limit.kind} ${limit.id} ${limit.period}`
    const account = accounts.get(name)
    if (account && account.since >= since) return account
    const running = loading.get(name)
    if (running) return running
    const promise = load(limit, since, name).finally(() => loading.delete(name))
    loading.set(name, promise)
    return promise
  }

  return {
    async reserve(limits, usdNanos) {
      const held: Account[] = []
      for (const limit of limits) held.push(await accountOf(limit))
      // No await between looking and taking.
      for (const [index, account] of held.entries()) {
        const limit = limits[index]!
        if (account.spent + account.reserved + usdNanos > limit.usdNanos) {
          return { ok: false, limit, resetsAt: endOfPeriod(limit.period, clock.now()) }
        }
      }
      for (const account of held) account.reserved += usdNanos
      let open = true
      return {
        ok: true,
        reservation: {
          settle(spent) {
            if (!open) return
            open = false
            for (const account of held) {
              account.reserved -= usdNanos
              account.spent += spent
            }
          },
        },
      }
    },
    async hasRoom(limit) {
      const account = await accountOf(limit)
      return account.spent + account.reserved < limit.usdNanos
    },
  }
}

async function readSpent(database: Pick<Database, 'query'>, limit: SpendingLimit, since: number): Promise<number> {
  let query = database.query
    .selectFrom('attempts')
    .select(({ fn }) => fn.sum<number | null>('cost_usd_nanos').as('spent'))
    .where('created_at', '>=', since)
  if (limit.kind === 'api-key') query = query.where('api_key_id', '=', limit.id)
  else if (limit.kind === 'provider-key') query = query.where('provider_key_id', '=', limit.id)
  else if (limit.kind === 'lease') query = query.where('lease_id', '=', limit.id)
  else query = query.where('user_id', '=', limit.id).where('billed_to', '=', 'server')
  const row = await query.executeTakeFirst()
  return Number(row?.spent ?? 0)
}
