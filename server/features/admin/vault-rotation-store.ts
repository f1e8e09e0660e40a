// The rows of a change of master key: the job's one row, its lease, what it could not move, and the batches of sealed
// values it moves. SQL only. Dated by the database's clock, the one clock the instances share.
// Invariants: whoever writes holds the lease, and says so in the same transaction; a value is replaced only where it is
// still the one that was read; the count of what is done is written together with what it counts.
import { type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import { databaseNow } from '../../database/now.ts'
import type { Schema, VaultRotationTable } from '../../database/schema.ts'
import { createVaultRegistry, SEALED_TABLES, type SealedTable } from './vault-registry.ts'

export const BATCH_ROWS = 200
const LEASE_MS = 30_000
const JOB = 'rotation'

export interface RotationRun extends Readonly<Omit<VaultRotationTable, 'name'>> {
  /** Somebody holds the lease: work is going on, or was a moment ago. */
  readonly isLed: boolean
  /** The database's time of reading. */
  readonly now: number
}

export interface SealedRow {
  readonly id: string
  readonly ownerId: string
  readonly kid: string
  readonly sealed: string
}

export interface RewrappedRow {
  readonly id: string
  readonly before: string
  readonly after: string
}

export interface RotationFailure {
  readonly recordId: string
  readonly reason: string
}

export interface Lease {
  readonly holder: string
  readonly fence: number
}

export interface RotationStore {
  read(): Promise<RotationRun | undefined>
  /** The same with what is left to move, both of one moment. */
  readProgress(): Promise<(RotationRun & { readonly remaining: number }) | undefined>
  /**
   * Begins a run towards a kid; what was there of an earlier one is forgotten. False if that very run goes on already.
   */
  begin(tx: Transaction<Schema>, kids: { from: string | null; to: string }): Promise<boolean>
  /** False if it is not in that state. */
  setState(from: 'running' | 'paused', to: 'running' | 'paused'): Promise<boolean>
  /** Values not sealed under a kid, in all tables. */
  countOthers(kid: string): Promise<number>
  listFailures(most: number): Promise<{ total: number; failures: RotationFailure[] }>
  /** undefined while somebody else holds it. */
  takeLease(holder: string): Promise<Lease | undefined>
  /** False where it was lost, or the run is no longer this one or not running. */
  keepLease(lease: Lease, run: number): Promise<boolean>
  releaseLease(lease: Lease): Promise<void>
  /** The number of a new pass over all values; undefined as keepLease is false. */
  beginPass(lease: Lease, run: number): Promise<number | undefined>
  readBatch(table: SealedTable, to: string, after: string): Promise<SealedRow[]>
  /** How many were moved: fewer than given where somebody replaced or holds one. undefined as keepLease is false. */
  writeBatch(batch: RotationBatch): Promise<number | undefined>
  /** False as keepLease. */
  finish(lease: Lease, run: number, pass: number, state: 'done' | 'done_with_failures'): Promise<boolean>
}

export interface RotationBatch {
  readonly lease: Lease
  readonly run: number
  readonly pass: number
  readonly table: SealedTable
  readonly to: string
  readonly rows: readonly RewrappedRow[]
  readonly failures: readonly RotationFailure[]
}

export function createRotationStore(database: Database, options: { leaseMs?: number } = {}): RotationStore {
  const { query, kind } = database
  const leaseMs = sql.lit(options.leaseMs ?? LEASE_MS)
  const now = databaseNow(kind)
  const registry = createVaultRegistry(database)

  /** Renews the lease and makes sure that the run goes on; both rows stay locked until the transaction ends. */
  async function keep(tx: Transaction<Schema>, lease: Lease, run: number): Promise<boolean> {
    const renewed = await tx
      .updateTable('vault_jobs')
      .set({ lease_until: sql<number>`${now} + ${leaseMs}` })
      .where('name', '=', JOB)
      .where('holder', '=', lease.holder)
      .where('fence', '=', lease.fence)
      .executeTakeFirst()
    if (renewed.numUpdatedRows !== 1n) return false
    const going = await tx
      .updateTable('vault_rotation')
      .set({ progressed_at: now })
      .where('run', '=', run)
      .where('state', '=', 'running')
      .executeTakeFirst()
    return going.numUpdatedRows === 1n
  }

  async function readRun<Remaining extends number | null>(remaining: RawBuilder<Remaining>) {
    const row = await query
      .selectFrom('vault_rotation')
      .leftJoin('vault_jobs', 'vault_jobs.name', 'vault_rotation.name')
      .selectAll('vault_rotation')
      .select((column) => [column(column.ref('vault_jobs.lease_until'), '>', now).as('isLed'), now.as('now')])
      .select(remaining.as('remaining'))
      .where('vault_rotation.name', '=', JOB)
      .executeTakeFirst()
    if (row === undefined) return undefined
    const { name: _name, isLed, ...run } = row
    return { ...run, isLed: Boolean(isLed) }
  }

  return {
    read: () => readRun(sql<null>`NULL`),

    readProgress: () =>
      readRun(
        sql<number>`(${sql.join(
          SEALED_TABLES.map(
            ({ table }) => sql`(SELECT count(*) FROM ${sql.table(table)} WHERE kid NOT IN (vault_rotation.to_kid, ''))`,
          ),
          sql` + `,
        )})`,
      ),

    async begin(tx, { from, to }) {
      const before = await tx
        .selectFrom('vault_rotation')
        .select(['state', 'to_kid'])
        .where('name', '=', JOB)
        .executeTakeFirst()
      if (before?.state === 'running' && before.to_kid === to) return false
      const fresh = {
        state: 'running' as const,
        from_kid: from,
        to_kid: to,
        done: 0,
        pass: 0,
        started_at: now,
        resumed_at: now,
        resumed_done: 0,
        progressed_at: now,
        finished_at: null,
      }
      await tx
        .insertInto('vault_rotation')
        .values({ name: JOB, run: 1, ...fresh })
        .onConflict((conflict) =>
          conflict.column('name').doUpdateSet((column) => ({ run: column('vault_rotation.run', '+', 1), ...fresh })),
        )
        .execute()
      await tx.deleteFrom('vault_rotation_failures').execute()
      return true
    },

    async setState(from, to) {
      const resumed = to === 'running' ? { resumed_at: now, progressed_at: now } : {}
      const result = await query
        .updateTable('vault_rotation')
        .set((column) => ({ state: to, ...resumed, ...(to === 'running' && { resumed_done: column.ref('done') }) }))
        .where('name', '=', JOB)
        .where('state', '=', from)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },

    async countOthers(kid) {
      let count = 0
      for (const { table } of SEALED_TABLES) {
        const row = await query
          .selectFrom(table)
          .select((select) => select.fn.countAll().as('rows'))
          .where('kid', 'not in', [kid, ''])
          .executeTakeFirstOrThrow()
        count += Number(row.rows)
      }
      return count
    },

    async listFailures(most) {
      const all = query.selectFrom('vault_rotation_failures')
      const { total } = await all.select((select) => select.fn.countAll().as('total')).executeTakeFirstOrThrow()
      const rows = await all.select(['record_id', 'reason']).orderBy('record_id').limit(most).execute()
      return { total: Number(total), failures: rows.map((row) => ({ recordId: row.record_id, reason: row.reason })) }
    },

    async takeLease(holder) {
      await query
        .insertInto('vault_jobs')
        .values({ name: JOB, holder: null, fence: 0, lease_until: 0 })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute()
      const taken = await query
        .updateTable('vault_jobs')
        .set((column) => ({ holder, fence: column('fence', '+', 1), lease_until: sql<number>`${now} + ${leaseMs}` }))
        .where('name', '=', JOB)
        .where('lease_until', '<=', now)
        .returning('fence')
        .executeTakeFirst()
      return taken && { holder, fence: taken.fence }
    },

    keepLease: (lease, run) => database.transaction((tx) => keep(tx, lease, run)),

    async releaseLease({ holder, fence }) {
      await query
        .updateTable('vault_jobs')
        .set({ lease_until: 0 })
        .where('name', '=', JOB)
        .where('holder', '=', holder)
        .where('fence', '=', fence)
        .execute()
    },

    beginPass: (lease, run) =>
      database.transaction(async (tx) => {
        if (!(await keep(tx, lease, run))) return undefined
        const row = await tx
          .updateTable('vault_rotation')
          .set((column) => ({ pass: column('pass', '+', 1) }))
          .where('run', '=', run)
          .returning('pass')
          .executeTakeFirstOrThrow()
        return row.pass
      }),

    async readBatch({ table, id, owner, sealed }, to, after) {
      const { rows } = await sql<SealedRow>`
        SELECT ${sql.ref(id)} AS id, ${sql.ref(owner)} AS "ownerId", kid, ${sql.ref(sealed)} AS sealed
        FROM ${sql.table(table)}
        WHERE kid NOT IN (${to}, '') AND ${sql.ref(id)} > ${after}
        ORDER BY ${sql.ref(id)} LIMIT ${sql.lit(BATCH_ROWS)}`.execute(query)
      return rows
    },

    writeBatch: ({ lease, run, pass, table, to, rows, failures }) =>
      database.transaction(async (tx) => {
        if (!(await keep(tx, lease, run))) return undefined
        const moved = rows.length === 0 ? 0 : await replaceSealed(tx, kind, table, to, rows)
        if (moved > 0) {
          await tx
            .updateTable('vault_rotation')
            .set((column) => ({ done: column('done', '+', moved) }))
            .where('run', '=', run)
            .execute()
        }
        // Each was wrapped, whether it could be put in place or not.
        await registry.addWraps(new Map([[to, rows.length]]), tx)
        for (const { recordId, reason } of failures) {
          const row = { record_table: table.table, record_id: recordId, reason, pass }
          await tx
            .insertInto('vault_rotation_failures')
            .values(row)
            .onConflict((conflict) => conflict.columns(['record_table', 'record_id']).doUpdateSet({ reason, pass }))
            .execute()
        }
        return moved
      }),

    finish: (lease, run, pass, state) =>
      database.transaction(async (tx) => {
        if (!(await keep(tx, lease, run))) return false
        // What failed in an earlier pass and not in the last one was replaced or removed meanwhile.
        await tx.deleteFrom('vault_rotation_failures').where('pass', '<', pass).execute()
        await tx.updateTable('vault_rotation').set({ state, finished_at: now }).where('run', '=', run).execute()
        return true
      }),
  }
}

/** Puts re-wrapped values in place in one statement, each only where the value that was read still stands. */
async function replaceSealed(
  tx: Transaction<Schema>,
  kind: Database['kind'],
  { table, id, sealed }: SealedTable,
  to: string,
  rows: readonly RewrappedRow[],
): Promise<number> {
  const ids = rows.map((row) => row.id)
  let free = new Set(ids)
  if (kind === 'postgres') {
    // Rows that somebody holds are left for the next pass: waiting for several at once could end in a deadlock.
    const held = await sql<{ id: string }>`
      SELECT ${sql.ref(id)} AS id FROM ${sql.table(table)} WHERE ${sql.ref(id)} IN (${sql.join(ids)})
      FOR UPDATE SKIP LOCKED`.execute(tx)
    free = new Set(held.rows.map((row) => row.id))
  }
  const values = JSON.stringify(rows.filter((row) => free.has(row.id)))
  const source =
    kind === 'postgres'
      ? sql`(SELECT * FROM json_to_recordset(${values}::json) AS given(id text, "before" text, "after" text)) AS changed`
      : sql`(SELECT value ->> 'id' AS id, value ->> 'before' AS "before", value ->> 'after' AS "after" FROM json_each(${values})) AS changed`
  const result = await sql`
    UPDATE ${sql.table(table)} SET ${sql.ref(sealed)} = changed."after", kid = ${to}
    FROM ${source}
    WHERE ${sql.ref(`${table}.${id}`)} = changed.id AND ${sql.ref(`${table}.${sealed}`)} = changed."before"`.execute(tx)
  return Number(result.numAffectedRows ?? 0)
}
