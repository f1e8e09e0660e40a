// Knows whether the running code stands inside a transaction of this database, however deep in its calls.
// Using the database itself (instead of the handed-in `tx`) inside a transaction's work is refused at once, on both
// kinds: SQLite has one connection, which the transaction holds, and would wait for itself; PostgreSQL would use a
// second connection that does not see the first one's rows, and can deadlock with it.
import { AsyncLocalStorage } from 'node:async_hooks'

export interface TransactionScope {
  state: 'opening' | 'open' | 'closed'
  /** Longest wait for one statement. */
  readonly limitMs: number
}

export interface TransactionScopes {
  /** The scope of the transaction that is opening or open around the caller. */
  current(): TransactionScope | undefined
  run<T>(scope: TransactionScope, work: () => Promise<T>): Promise<T>
  refuseInside(): void
}

export function createTransactionScopes(): TransactionScopes {
  const storage = new AsyncLocalStorage<TransactionScope>()
  // A closed scope still surrounds work that was started inside and outlives the transaction: that may go on.
  function current(): TransactionScope | undefined {
    const scope = storage.getStore()
    return scope?.state === 'closed' ? undefined : scope
  }
  return {
    current,
    run: (scope, work) => storage.run(scope, work),
    refuseInside() {
      if (current()?.state !== 'open') return
      throw new Error('The database was used inside a transaction. Use the transaction (tx) that was handed in.')
    },
  }
}
