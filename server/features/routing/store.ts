// The rows of routing settings, in SQL: one per user who set their own, and one, under the name of nobody, for all
// others.
import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { RoutingSettingsTable, Schema } from '../../database/schema.ts'

/** Whose settings: the default's (null), or one user's. */
export type RoutingOwner = string | null

export interface RoutingRow {
  /** A body as the contract has it, as JSON. */
  readonly settings: string
  readonly isLocked: boolean
  readonly updatedAt: number
}

export interface RoutingStore {
  find(owner: RoutingOwner, tx?: Transaction<Schema>): Promise<RoutingRow | undefined>
  /** Does any user have settings of their own? */
  hasOwn(): Promise<boolean>
  put(owner: RoutingOwner, row: RoutingRow, by: string, tx: Transaction<Schema>): Promise<void>
  remove(owner: RoutingOwner, tx: Transaction<Schema>): Promise<boolean>
}

const DEFAULT = 'default'
const idOf = (owner: RoutingOwner): string => (owner === null ? DEFAULT : `user:${owner}`)

export function createRoutingStore({ query }: Pick<Database, 'query'>): RoutingStore {
  const rows = (from: Kysely<Schema>) => from.selectFrom('routing_settings')
  return {
    async find(owner, tx = undefined) {
      const row = await rows(tx ?? query)
        .selectAll()
        .where('id', '=', idOf(owner))
        .executeTakeFirst()
      return row && { settings: row.settings, isLocked: row.is_locked, updatedAt: row.updated_at }
    },
    async hasOwn() {
      const found = await rows(query).select('id').where('user_id', 'is not', null).limit(1).executeTakeFirst()
      return found !== undefined
    },
    async put(owner, { settings, isLocked, updatedAt }, by, tx) {
      const values = { settings, is_locked: isLocked, updated_at: updatedAt, updated_by: by }
      const row: RoutingSettingsTable = { id: idOf(owner), user_id: owner, ...values }
      await tx
        .insertInto('routing_settings')
        .values(row)
        .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
        .execute()
    },
    async remove(owner, tx) {
      const { numDeletedRows } = await tx
        .deleteFrom('routing_settings')
        .where('id', '=', idOf(owner))
        .executeTakeFirstOrThrow()
      return numDeletedRows === 1n
    },
  }
}
