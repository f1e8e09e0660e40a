// Budgets of one process alone, held in its memory: the request path asks no database.
// Invariants: what was spent is read from the ledger once per period, after everything this process still holds has
// been folded into it; a reservation is settled exactly once; money is whole nano-dollars.
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { endOfPeriod, startOfPeriod } from '../../kernel/periods.ts'
import { IDLE_ACCOUNT_MS, type Budgets, type SpendingLimit } from './budgets.ts'
import { readSpent } from './spent.ts'

interface Account {
  readonly since: number
  spent: number
  reserved: number
  /** Monotonic ms. */
  usedAt: number
}

const MOST_ACCOUNTS = 50_000

export function createMemoryBudgets(options: {
  database: Pick<Database, 'query'>
  clock: Clock
  /** Everything this process has seen is in the database when it resolves. */
  flushLedger: () => Promise<void>
}): Budgets {
  const { database, clock, flushLedger } = options
  const accounts = new Map<string, Account>()
  const loading = new Map<string, Promise<Account>>()

  type Asked = Pick<SpendingLimit, 'kind' | 'id' | 'period'>

  async function load(limit: Asked, since: number, name: string): Promise<Account> {
    await flushLedger()
    const before = accounts.get(name)
    // What was settled while its request goes on is not in the ledger yet.
    const spent = Math.max(await readSpent(database, limit, since), before?.since === since ? before.spent : 0)
    const account = { since, spent, reserved: 0, usedAt: clock.monotonic() }
    accounts.set(name, account)
    for (const [other, { reserved }] of accounts) {
      if (accounts.size <= MOST_ACCOUNTS) break
      if (reserved === 0 && other !== name) accounts.delete(other)
    }
    return account
  }

  function accountOf(limit: Asked): Account | Promise<Account> {
    const since = startOfPeriod(limit.period, clock.now())
    const name = `${limit.kind} ${limit.id} ${limit.period}`
    const account = accounts.get(name)
    const now = clock.monotonic()
    if (account && account.since >= since && (account.reserved > 0 || now - account.usedAt < IDLE_ACCOUNT_MS)) {
      account.usedAt = now
      return account
    }
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
              account.spent += spent ?? usdNanos
              account.usedAt = clock.monotonic()
            }
          },
        },
      }
    },
    async read(limit) {
      const { spent, reserved } = await accountOf(limit)
      return { spent, reserved }
    },
    close: async () => undefined,
  }
}
