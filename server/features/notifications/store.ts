// The rows of notifications, in SQL. Every read and mark names the owner.
import type { Database } from '../../database/database.ts'
import type { NotificationTable } from '../../database/schema.ts'

/** Older ones go when a new one comes. */
const MOST_PER_USER = 500

export interface NotificationStore {
  /** False if this occasion was told already. */
  insert(row: NotificationTable): Promise<boolean>
  list(
    userId: string,
    page: { unread: boolean; limit: number; before: string | undefined },
  ): Promise<NotificationTable[]>
  countUnread(userId: string): Promise<number>
  markRead(userId: string, ids: readonly string[] | undefined, now: number): Promise<void>
  markMailed(id: string, now: number): Promise<void>
  /** Of an account that is switched on. */
  emailOf(userId: string): Promise<string | undefined>
}

export function createNotificationStore({ query }: Database): NotificationStore {
  return {
    async insert(row) {
      const result = await query
        .insertInto('notifications')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      if (result.numInsertedOrUpdatedRows !== 1n) return false
      const oldest = await query
        .selectFrom('notifications')
        .select('id')
        .where('user_id', '=', row.user_id)
        .orderBy('id', 'desc')
        .offset(MOST_PER_USER)
        .limit(1)
        .executeTakeFirst()
      if (oldest) {
        await query
          .deleteFrom('notifications')
          .where('user_id', '=', row.user_id)
          .where('id', '<=', oldest.id)
          .execute()
      }
      return true
    },
    list(userId, { unread, limit, before }) {
      return query
        .selectFrom('notifications')
        .selectAll()
        .where('user_id', '=', userId)
        .$if(unread, (select) => select.where('read_at', 'is', null))
        .$if(before !== undefined, (select) => select.where('id', '<', before!))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
    },
    async countUnread(userId) {
      const row = await query
        .selectFrom('notifications')
        .select((select) => select.fn.countAll().as('count'))
        .where('user_id', '=', userId)
        .where('read_at', 'is', null)
        .executeTakeFirst()
      return Number(row?.count ?? 0)
    },
    async markRead(userId, ids, now) {
      if (ids?.length === 0) return
      await query
        .updateTable('notifications')
        .set({ read_at: now })
        .where('user_id', '=', userId)
        .where('read_at', 'is', null)
        .$if(ids !== undefined, (update) => update.where('id', 'in', ids!))
        .execute()
    },
    async markMailed(id, now) {
      await query.updateTable('notifications').set({ mailed_at: now }).where('id', '=', id).execute()
    },
    async emailOf(userId) {
      const row = await query
        .selectFrom('users')
        .select('email')
        .where('id', '=', userId)
        .where('is_active', '=', true)
        .executeTakeFirst()
      return row?.email
    },
  }
}
