// Budgets that several processes share through the database. Reservations and settlements go in batches, one
// transaction at a time: while one runs the next gathers, so that a crowd of calls costs few transactions and one
// connection.
// Invariants: nothing is admitted that the database did not admit; what a failed transaction may have reserved is given
// back; what is settled is told until the database has heard it. A process that dies leaves its reservations to the
// others, who settle them from the ledger; until its journal is folded what it held counts as nothing.
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createUlid } from '../../kernel/ids.ts'
import type { Log } from '../../kernel/log.ts'
import { endOfPeriod, startOfPeriod } from '../../kernel/periods.ts'
import { createBudgetStore, HOLD_MS, type Hold, type HoldOutcome, type Settlement } from './budget-store.ts'
import { IDLE_ACCOUNT_MS, type Budgets, type BudgetVerdict, type SpendingLimit } from './budgets.ts'
import { readSpent } from './spent.ts'

const SETTLE_MS = 50
const RETRY_MS = 500
const MOST_AT_ONCE = 200
const CARE_MS = HOLD_MS / 3

interface Waiting {
  readonly hold: Hold
  readonly resolve: (outcome: HoldOutcome) => void
  readonly reject: (error: unknown) => void
}

type Asked = Pick<SpendingLimit, 'kind' | 'id' | 'period'>

export interface SharedBudgets extends Budgets {
  /** Says that this process lives, and takes care of what dead ones held. Runs by itself every 20 seconds. */
  care(): Promise<void>
}

// size: one queue and the functions that fill and empty it; its state is theirs alone.
export function createSharedBudgets(options: {
  database: Database
  clock: Clock
  log: Log
  /** Everything this process has seen is in the database when it resolves. */
  flushLedger: () => Promise<void>
}): SharedBudgets {
  const { database, clock, log, flushLedger } = options
  const store = createBudgetStore(database, { instance: createUlid(clock.now()), idleMs: IDLE_ACCOUNT_MS })
  const opening = new Map<string, Promise<void>>()
  let waiting: Waiting[] = []
  let settlements: Settlement[] = []
  /** Ids of what this process holds. */
  const held = new Set<string>()
  /** Somebody waits until it is said that this process lives. */
  let renewal: PromiseWithResolvers<void> | undefined
  /** Did the last look after budgets come to its end? */
  let wasCaredFor = true
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  let isCaring = false
  const careTimer = setInterval(() => void careQuietly(), CARE_MS).unref()

  function plan(delay: number): void {
    if (isClosed || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      void run()
    }, delay).unref()
  }

  /** Empties the queue; joins the run under way. Never rejects. */
  function run(): Promise<void> {
    running ??= drain().finally(() => {
      running = undefined
      if (waiting.length > 0 || renewal !== undefined) void run()
      else if (settlements.length > 0) plan(RETRY_MS)
    })
    return running
  }

  async function drain(): Promise<void> {
    do {
      if (renewal !== undefined) await renew(renewal)
      if (waiting.length === 0 && settlements.length === 0) continue
      const batch = waiting.slice(0, MOST_AT_ONCE)
      const settled = settlements.slice(0, MOST_AT_ONCE)
      waiting = waiting.slice(batch.length)
      settlements = settlements.slice(settled.length)
      const holds = batch.map(({ hold }) => hold)
      try {
        const outcomes = await store.apply(settled, holds, clock.now())
        for (const [index, one] of batch.entries()) {
          if (outcomes[index]!.kind === 'held') held.add(one.hold.id)
          one.resolve(outcomes[index]!)
        }
      } catch (error) {
        // It may have been carried out all the same.
        const undone = holds.map(({ id }) => ({ id, spentUsdNanos: 0 }))
        settlements = [...settled, ...undone, ...settlements]
        for (const one of batch) one.reject(error)
        if (batch.length === 0) log.error({ err: error }, 'what calls cost could not be told to their budgets yet')
        return
      }
    } while (waiting.length > 0 || settlements.length > 0 || renewal !== undefined)
  }

  /**
   * In turn with the batches, since both change the rows of this process, and between two of them however many come.
   */
  async function renew(asked: PromiseWithResolvers<void>): Promise<void> {
    renewal = undefined
    try {
      const stored = await store.renew()
      const told = new Set(settlements.map(({ id }) => id))
      // Reserved by a transaction that was given up, and carried out all the same after that was taken back.
      const unknown = [...new Set(stored)].filter((id) => !held.has(id) && !told.has(id))
      settlements.push(...unknown.map((id) => ({ id, spentUsdNanos: 0 })))
      asked.resolve()
    } catch (error) {
      asked.reject(error)
    }
  }

  function settle(settlement: Settlement): void {
    held.delete(settlement.id)
    settlements.push(settlement)
    if (running === undefined) plan(SETTLE_MS)
  }

  function ask(hold: Hold): Promise<HoldOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<HoldOutcome>()
    waiting.push({ hold, resolve, reject })
    void run()
    return promise
  }

  /** One account a limit and period: a new period is a new account, and late settlements still find the old one. */
  function nameOf({ kind, id, period }: Asked): string {
    return `${kind} ${id} ${period} ${startOfPeriod(period, clock.now())}`
  }

  function open(limit: Asked, name: string): Promise<void> {
    const known = opening.get(name)
    if (known) return known
    const promise = openNow(limit, name).finally(() => opening.delete(name))
    opening.set(name, promise)
    return promise
  }

  async function openNow(limit: Asked, name: string): Promise<void> {
    await flushLedger()
    await store.forgetFound(name)
    const now = clock.now()
    const spent = await readSpent(database, limit, startOfPeriod(limit.period, now))
    await store.open({ name, endsAt: endOfPeriod(limit.period, now), spent }, now)
  }

  async function reserve(
    limits: readonly SpendingLimit[],
    usdNanos: number,
    { requestId, firstAttempt }: { requestId: string; firstAttempt: number },
  ): Promise<BudgetVerdict> {
    const byName = new Map<string, SpendingLimit>()
    for (const limit of limits) {
      const name = nameOf(limit)
      const known = byName.get(name)
      if (!known || limit.usdNanos < known.usdNanos) byName.set(name, limit)
    }
    const accounts = [...byName].map(([account, limit]) => ({ account, usdNanos: limit.usdNanos }))
    for (;;) {
      const id = createUlid(clock.now())
      const outcome = await ask({ id, limits: accounts, usdNanos, requestId, firstAttempt })
      if (outcome.kind === 'held') return { ok: true, reservation: createReservation(id, usdNanos) }
      const limit = byName.get(outcome.account)!
      if (outcome.kind === 'refused') return { ok: false, limit, resetsAt: endOfPeriod(limit.period, clock.now()) }
      await open(limit, outcome.account)
    }
  }

  function createReservation(id: string, heldUsdNanos: number) {
    let isOpen = true
    return {
      settle(spentUsdNanos: number | null) {
        if (!isOpen) return
        isOpen = false
        settle({ id, spentUsdNanos: spentUsdNanos ?? heldUsdNanos })
      },
    }
  }

  async function untilIdle(): Promise<void> {
    for (let last = running; last !== undefined; last = running) await last
  }

  function renewInTurn(): Promise<void> {
    const { promise } = (renewal ??= Promise.withResolvers<void>())
    void run()
    return promise
  }

  async function care(): Promise<void> {
    const mayRelease = wasCaredFor
    wasCaredFor = false
    if (held.size > 0) await renewInTurn()
    // After the database was away the others get as long as this one to say that they live.
    if (mayRelease) await store.releaseAbandoned(clock.now())
    await store.removeEnded(clock.now())
    wasCaredFor = true
  }

  async function careQuietly(): Promise<void> {
    if (isCaring) return
    isCaring = true
    try {
      await care()
    } catch (error) {
      log.warn({ err: error }, 'budgets could not be looked after; this is tried again')
    } finally {
      isCaring = false
    }
  }

  return {
    reserve,
    async read(limit) {
      const name = nameOf(limit)
      for (;;) {
        if (settlements.length > 0) await run()
        const found = await store.find(name)
        if (found) return found
        await open(limit, name)
      }
    },
    care,
    async close() {
      isClosed = true
      clearInterval(careTimer)
      clearTimeout(timer)
      await untilIdle()
      if (settlements.length > 0) await run()
    },
  }
}
