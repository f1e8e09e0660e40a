// A transaction whose work is known to run inside one: see transaction-scope.ts for what that forbids.
import type { Kysely, Transaction } from 'kysely'
import type { Schema } from '../schema.ts'
import type { TransactionScope, TransactionScopes } from './transaction-scope.ts'

export async function runTransaction<T>(
  query: Kysely<Schema>,
  scopes: TransactionScopes,
  limitMs: number,
  work: (tx: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  scopes.refuseInside()
  const scope: TransactionScope = { state: 'opening', limitMs }
  try {
    return await scopes.run(scope, () =>
      query.transaction().execute((tx) => {
        scope.state = 'open'
        return work(tx)
      }),
    )
  } finally {
    scope.state = 'closed'
  }
}
