// The rows of shared budgets, in SQL: an account for each limit and period, and what calls under way hold of it. Every
// change is one short transaction that locks reservations first, then accounts in the order of their names.
// Invariants: money moves by `x = x + ?` only; a reservation is a row, and whoever deletes the row accounts for it, so
// it is settled once even where its process was taken for dead; `spent` never falls.
import { sql, type Kysely, type Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import { databaseNow } from '../../database/now.ts'
import type { Schema } from '../../database/schema.ts'

type Tx = Transaction<Schema>

export interface AccountLimit {
  /** Of one limit and one period; see shared-budgets.ts. */
  readonly account: string
  readonly usdNanos: number
}

export interface Hold {
  /** ULID. */
  readonly id: string
  readonly limits: readonly AccountLimit[]
  readonly usdNanos: number
  readonly requestId: string
  readonly firstAttempt: number
}

export interface Settlement {
  readonly id: string
  readonly spentUsdNanos: number
}

/** `refused` names the account without room; `unknown` one that must be opened first. */
export type HoldOutcome = { readonly kind: 'held' } | { readonly kind: 'refused' | 'unknown'; readonly account: string }

export interface Account {
  readonly spent: number
  readonly reserved: number
}

export interface BudgetStore {
  /**
   * Settles, then reserves in order, in one transaction; one outcome a hold. May be repeated with the same settlements.
   */
  apply(settlements: readonly Settlement[], holds: readonly Hold[], now: number): Promise<HoldOutcome[]>
  /** Opens an account, or raises what it says was spent to at least this. */
  open(account: { name: string; endsAt: number | null; spent: number }, now: number): Promise<void>
  find(name: string): Promise<Account | undefined>
  /**
   * Lets go of what dead instances held of an account, where the ledger knows by now what it came to: whoever opens the
   * account next reads it there.
   */
  forgetFound(account: string): Promise<void>
  /** This instance lives: what it holds stays held. The ids of that, some perhaps several times. */
  renew(): Promise<string[]>
  /** Settles from the ledger, or lets go of, what dead instances held; how many. */
  releaseAbandoned(now: number): Promise<number>
  /** Forgets accounts whose period is long over. */
  removeEnded(now: number): Promise<void>
}

/** An instance that has not said for so long that it lives is dead. */
export const HOLD_MS = 60_000
const RECHECK_MS = 300_000
/** So long, a journal that is folded late still counts against its budget. */
const FORGET_AFTER_MS = 7 * 86_400_000
const ENDED_AFTER_MS = 86_400_000
const ABANDONED_AT_ONCE = 200

interface Delta {
  spent: number
  reserved: number
}

export function createBudgetStore(database: Database, options: { instance: string; idleMs: number }): BudgetStore {
  const { query, kind } = database
  const { instance, idleMs } = options
  const now = databaseNow(kind)
  const inMs = (milliseconds: number) => sql<number>`${now} + CAST(${milliseconds} AS BIGINT)`

  /** The accounts as they are now, unchangeable by others until the transaction ends. */
  async function lockAccounts(tx: Tx, names: readonly string[]) {
    const rows = await tx
      .selectFrom('budget_accounts')
      .select(['name', 'spent_usd_nanos as spent', 'reserved_usd_nanos as reserved', 'updated_at as updatedAt'])
      .where('name', 'in', [...names])
      .orderBy('name')
      .$if(kind === 'postgres', (select) => select.forUpdate())
      .execute()
    return new Map(rows.map(({ name, ...account }) => [name, account]))
  }

  async function addDeltas(tx: Tx, deltas: ReadonlyMap<string, Delta>, at: number): Promise<void> {
    for (const [name, { spent, reserved }] of deltas) {
      await tx
        .updateTable('budget_accounts')
        .set((column) => ({
          spent_usd_nanos: column('spent_usd_nanos', '+', spent),
          reserved_usd_nanos: column('reserved_usd_nanos', '+', reserved),
          updated_at: at,
        }))
        .where('name', '=', name)
        .execute()
    }
  }

  async function settle(tx: Tx, settlements: readonly Settlement[]): Promise<Map<string, Delta>> {
    const deltas = new Map<string, Delta>()
    if (settlements.length === 0) return deltas
    const spentOf = new Map(settlements.map(({ id, spentUsdNanos }) => [id, spentUsdNanos]))
    const gone = await tx
      .deleteFrom('budget_reservations')
      .where('id', 'in', [...spentOf.keys()])
      .returning(['id', 'account', 'usd_nanos'])
      .execute()
    for (const row of gone) addTo(deltas, row.account, { spent: spentOf.get(row.id)!, reserved: -row.usd_nanos })
    return deltas
  }

  return {
    apply: (settlements, holds, at) =>
      database.transaction(async (tx) => {
        const deltas = await settle(tx, settlements)
        const names = new Set([
          ...deltas.keys(),
          ...holds.flatMap(({ limits }) => limits.map(({ account }) => account)),
        ])
        if (names.size === 0) return []
        const accounts = await lockAccounts(tx, [...names])
        const admitted: Hold[] = []
        const outcomes = holds.map((hold): HoldOutcome => {
          for (const { account: name, usdNanos } of hold.limits) {
            const account = accounts.get(name)
            const { spent, reserved } = deltas.get(name) ?? { spent: 0, reserved: 0 }
            if (!account) return { kind: 'unknown', account: name }
            const heldNow = account.reserved + reserved
            if (heldNow === 0 && at - account.updatedAt >= idleMs) return { kind: 'unknown', account: name }
            if (account.spent + spent + heldNow + hold.usdNanos > usdNanos) return { kind: 'refused', account: name }
          }
          for (const { account } of hold.limits) addTo(deltas, account, { spent: 0, reserved: hold.usdNanos })
          admitted.push(hold)
          return { kind: 'held' }
        })
        await addDeltas(tx, deltas, at)
        if (admitted.length > 0) await insertHolds(tx, admitted, instance, inMs(HOLD_MS), at)
        return outcomes
      }),

    async open({ name, endsAt, spent }, at) {
      await query
        .insertInto('budget_accounts')
        .values({ name, ends_at: endsAt, spent_usd_nanos: spent, reserved_usd_nanos: 0, updated_at: at })
        .onConflict((conflict) =>
          conflict.column('name').doUpdateSet((column) => ({
            spent_usd_nanos: sql<number>`CASE WHEN ${column.ref('budget_accounts.spent_usd_nanos')} < ${column.ref('excluded.spent_usd_nanos')} THEN ${column.ref('excluded.spent_usd_nanos')} ELSE ${column.ref('budget_accounts.spent_usd_nanos')} END`,
            updated_at: at,
          })),
        )
        .execute()
    },

    find: (name) =>
      query
        .selectFrom('budget_accounts')
        .select(['spent_usd_nanos as spent', 'reserved_usd_nanos as reserved'])
        .where('name', '=', name)
        .executeTakeFirst(),

    async forgetFound(account) {
      await query
        .deleteFrom('budget_reservations')
        .where('account', '=', account)
        .where('usd_nanos', '=', 0)
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('attempts')
              .select('attempt')
              .whereRef('attempts.request_id', '=', 'budget_reservations.request_id')
              .whereRef('attempts.attempt', '>=', 'budget_reservations.first_attempt'),
          ),
        )
        .execute()
    },

    async renew() {
      const rows = await query
        .updateTable('budget_reservations')
        .set({ held_until: inMs(HOLD_MS) })
        .where('instance', '=', instance)
        .returning('id')
        .execute()
      return rows.map(({ id }) => id)
    },

    releaseAbandoned: (at) =>
      database.transaction(async (tx) => {
        const rows = await tx
          .selectFrom('budget_reservations')
          .selectAll()
          .where('held_until', '<=', now)
          .orderBy('id')
          .limit(ABANDONED_AT_ONCE)
          .$if(kind === 'postgres', (select) => select.forUpdate().skipLocked())
          .execute()
        const deltas = new Map<string, Delta>()
        for (const row of rows) {
          const spent = await readCost(tx, row.request_id, row.first_attempt)
          addTo(deltas, row.account, { spent: spent ?? 0, reserved: -row.usd_nanos })
          const same = { id: row.id, account: row.account }
          if (spent !== null || row.held_until - row.created_at > FORGET_AFTER_MS) await removeHold(tx, same)
          else await emptyHold(tx, same, inMs(RECHECK_MS))
        }
        if (deltas.size > 0) await lockAccounts(tx, [...deltas.keys()])
        await addDeltas(tx, deltas, at)
        return rows.length
      }),

    async removeEnded(at) {
      await query
        .deleteFrom('budget_accounts')
        .where('ends_at', '<', at - ENDED_AFTER_MS)
        .execute()
    },
  }
}

function addTo(deltas: Map<string, Delta>, name: string, { spent, reserved }: Delta): void {
  const known = deltas.get(name)
  if (!known) deltas.set(name, { spent, reserved })
  else {
    known.spent += spent
    known.reserved += reserved
  }
}

async function insertHolds(
  tx: Tx,
  holds: readonly Hold[],
  instance: string,
  heldUntil: ReturnType<typeof sql<number>>,
  at: number,
): Promise<void> {
  const rows = holds.flatMap(({ id, limits, usdNanos, requestId, firstAttempt }) =>
    limits.map(({ account }) => ({
      id,
      account,
      usd_nanos: usdNanos,
      instance,
      request_id: requestId,
      first_attempt: firstAttempt,
      held_until: heldUntil,
      created_at: at,
    })),
  )
  await tx.insertInto('budget_reservations').values(rows).execute()
}

/** What the calls of a request cost from an attempt on; null where the ledger does not know them yet. */
async function readCost(tx: Kysely<Schema>, requestId: string, firstAttempt: number): Promise<number | null> {
  const row = await tx
    .selectFrom('attempts')
    .select(({ fn }) => [fn.countAll().as('count'), fn.sum<number | null>('cost_usd_nanos').as('cost')])
    .where('request_id', '=', requestId)
    .where('attempt', '>=', firstAttempt)
    .executeTakeFirstOrThrow()
  return Number(row.count) === 0 ? null : Number(row.cost ?? 0)
}

async function removeHold(tx: Tx, { id, account }: { id: string; account: string }): Promise<void> {
  await tx.deleteFrom('budget_reservations').where('id', '=', id).where('account', '=', account).execute()
}

/** Holds nothing any more, but is looked for in the ledger again: a journal may be folded late. */
async function emptyHold(
  tx: Tx,
  { id, account }: { id: string; account: string },
  heldUntil: ReturnType<typeof sql<number>>,
): Promise<void> {
  await tx
    .updateTable('budget_reservations')
    .set({ usd_nanos: 0, held_until: heldUntil })
    .where('id', '=', id)
    .where('account', '=', account)
    .execute()
}
