// Work that one instance does for all: whoever holds the job's lease. A row of `vault_jobs`, taken by compare-and-set
// on the database's clock, the one clock the instances share. Two holders would only do the same work twice.
import { sql } from 'kysely'
import type { Database } from './database.ts'
import { databaseNow } from './now.ts'

export interface JobLease {
  /** True while this holder leads, taking or renewing the lease; false while somebody else does. */
  hold(): Promise<boolean>
  release(): Promise<void>
}

export function createJobLease(
  database: Database,
  { name, holder, leaseMs }: { name: string; holder: string; leaseMs: number },
): JobLease {
  const { query } = database
  const now = databaseNow(database.kind)
  return {
    async hold() {
      await query
        .insertInto('vault_jobs')
        .values({ name, holder: null, fence: 0, lease_until: 0 })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute()
      const taken = await query
        .updateTable('vault_jobs')
        .set((column) => ({ holder, fence: column('fence', '+', 1), lease_until: sql<number>`${now} + ${leaseMs}` }))
        .where('name', '=', name)
        .where((where) => where.or([where('lease_until', '<=', now), where('holder', '=', holder)]))
        .executeTakeFirst()
      return taken.numUpdatedRows === 1n
    },
    async release() {
      await query
        .updateTable('vault_jobs')
        .set({ lease_until: 0 })
        .where('name', '=', name)
        .where('holder', '=', holder)
        .execute()
    },
  }
}
