// Spending limits in US dollars: on a UniRoute API key, a user, a team, one's own provider key and what borrowers of it
// may spend, and on what the server's keys may cost a user in a day. A call reserves what it may cost before it is made
// and is refused when that does not fit, so parallel calls cannot overspend; when it is over, the reservation becomes
// what it really cost.
// Two stores keep this interface: memory for one process alone, the database where several share one.
import type { BudgetPeriod } from '../../kernel/periods.ts'

export interface SpendingLimit {
  /**
   * api-key: all an API key causes · user: all a user causes, whoever pays · team: all that is used for a team ·
   * provider-key: all one key pays · lease: what its borrowers spend · allowance: all server keys pay for one user.
   */
  readonly kind: 'api-key' | 'user' | 'team' | 'provider-key' | 'lease' | 'allowance'
  /** Bare id of the key, the user, the team or the lease. */
  readonly id: string
  readonly usdNanos: number
  readonly period: BudgetPeriod
}

/** The calls a reservation is for: those of one request from this attempt on. */
export interface ReservedCall {
  readonly requestId: string
  readonly firstAttempt: number
}

export interface Reservation {
  /** Turns it into what was spent; null, where nobody knows, spends what was held. Later calls do nothing. */
  settle(usdNanos: number | null): void
}

export type BudgetVerdict =
  | { readonly ok: true; readonly reservation: Reservation }
  | {
      readonly ok: false
      readonly limit: SpendingLimit
      /** Epoch ms; null = never. */ readonly resetsAt: number | null
    }

export interface Budgets {
  /**
   * Reserves under all limits or under none. Rejects with storage_unavailable where the database is asked and silent.
   */
  reserve(limits: readonly SpendingLimit[], usdNanos: number, call: ReservedCall): Promise<BudgetVerdict>
  /** What counts against a limit in the running period, nano-dollars: spent, and held by calls under way. */
  read(limit: Omit<SpendingLimit, 'usdNanos'>): Promise<{ readonly spent: number; readonly reserved: number }>
  /** Everything settled so far counts for other processes as well; at the end of this one. */
  close(): Promise<void>
}

/**
 * An account that nobody used for so long is read from the ledger again: its limit may have been lifted for a while.
 */
export const IDLE_ACCOUNT_MS = 60_000
