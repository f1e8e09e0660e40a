// The rows of second factors and recovery codes, in SQL. Of a recovery code only the hash is kept; each works once.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Schema, SecondFactorTable } from '../../database/schema.ts'
import { digestCode } from './code-store.ts'

type Query = Kysely<Schema>

export interface FactorStore {
  find(userId: string): Promise<Readonly<SecondFactorTable> | undefined>
  /** In the place of one that was never confirmed; false if one is confirmed. */
  begin(row: SecondFactorTable, query: Query): Promise<boolean>
  /** From now on it is asked for; false if it is already, or another secret was begun. */
  confirm(begun: { userId: string; secret: string; step: number }, now: number, query: Query): Promise<boolean>
  /** Notes that a code was taken; false if that one or a later one was taken before. */
  takeStep(userId: string, step: number): Promise<boolean>
  remove(userId: string, query: Query): Promise<boolean>
  replaceCodes(userId: string, codes: readonly string[], query: Query): Promise<void>
  /** Uses a recovery code up; false if it is none of this user's unused ones. */
  useCode(userId: string, code: string, now: number): Promise<boolean>
  countCodes(userId: string): Promise<number>
}

export function createFactorStore(database: Database): FactorStore {
  return {
    find: (userId) =>
      database.query.selectFrom('second_factors').selectAll().where('user_id', '=', userId).executeTakeFirst(),
    async begin(row, query) {
      const unconfirmed = query.deleteFrom('second_factors').where('user_id', '=', row.user_id)
      await unconfirmed.where('confirmed_at', 'is', null).execute()
      const result = await query
        .insertInto('second_factors')
        .values(row)
        .onConflict((conflict) => conflict.column('user_id').doNothing())
        .executeTakeFirst()
      return result.numInsertedOrUpdatedRows === 1n
    },
    async confirm({ userId, secret, step }, now, query) {
      const result = await query
        .updateTable('second_factors')
        .set({ confirmed_at: now, last_step: step })
        .where('user_id', '=', userId)
        .where('secret', '=', secret)
        .where('confirmed_at', 'is', null)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async takeStep(userId, step) {
      const result = await database.query
        .updateTable('second_factors')
        .set({ last_step: step })
        .where('user_id', '=', userId)
        .where('last_step', '<', step)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async remove(userId, query) {
      await query.deleteFrom('recovery_codes').where('user_id', '=', userId).execute()
      const result = await query.deleteFrom('second_factors').where('user_id', '=', userId).executeTakeFirst()
      return result.numDeletedRows === 1n
    },
    async replaceCodes(userId, codes, query) {
      await query.deleteFrom('recovery_codes').where('user_id', '=', userId).execute()
      const rows = codes.map((code) => ({ code_hash: digestCode(code), user_id: userId, used_at: null }))
      await query.insertInto('recovery_codes').values(rows).execute()
    },
    async useCode(userId, code, now) {
      const result = await database.query
        .updateTable('recovery_codes')
        .set({ used_at: now })
        .where('code_hash', '=', digestCode(code))
        .where('user_id', '=', userId)
        .where('used_at', 'is', null)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },
    async countCodes(userId) {
      const row = await database.query
        .selectFrom('recovery_codes')
        .select(({ fn }) => fn.countAll<number | string>().as('left'))
        .where('user_id', '=', userId)
        .where('used_at', 'is', null)
        .executeTakeFirstOrThrow()
      return Number(row.left)
    },
  }
}
