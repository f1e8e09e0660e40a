// Which keys are due for a check, and what the last check saw, in SQL.
import type { Database } from '../../database/database.ts'
import type { StoredProviderKey } from './record.ts'
import { toKey } from './store.ts'

export interface CareKey {
  readonly key: StoredProviderKey
  /** What it could reach at the last check that passed; null where there was none. */
  readonly models: readonly string[] | null
}

export interface CareStore {
  /** Keys switched on, of accounts switched on: not checked since then, or rejected and to be looked at again now. */
  listDue(when: { now: number; checkedBefore: number }, limit: number): Promise<CareKey[]>
  /** `models`: null leaves the list of the last check that passed. */
  noteCheck(id: string, at: number, models: readonly string[] | null): Promise<void>
  listExpiring(from: number, to: number): Promise<StoredProviderKey[]>
}

export function createCareStore({ query }: Database): CareStore {
  const inUse = () =>
    query
      .selectFrom('user_provider_keys')
      .innerJoin('users', 'users.id', 'user_provider_keys.user_id')
      .leftJoin('provider_key_checks as check', 'check.provider_key_id', 'user_provider_keys.id')
      .selectAll('user_provider_keys')
      .select(['check.models as checked_models', 'check.checked_at'])
      .where('users.is_active', '=', true)
      .where('user_provider_keys.is_active', '=', true)

  return {
    async listDue({ now, checkedBefore }, limit) {
      const rows = await inUse()
        .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
        .where((where) =>
          where.or([
            where('check.checked_at', 'is', null),
            where('check.checked_at', '<', checkedBefore),
            where.and([where('user_provider_keys.status', '=', 'invalid'), where('probe_at', '<=', now)]),
          ]),
        )
        .orderBy('check.checked_at')
        .orderBy('user_provider_keys.id')
        .limit(limit)
        .execute()
      return rows.map((row) => ({
        key: toKey(row),
        models: row.checked_models === null ? null : (JSON.parse(row.checked_models) as string[]),
      }))
    },
    async noteCheck(id, at, models) {
      const text = models && JSON.stringify(models)
      await query
        .insertInto('provider_key_checks')
        .values({ provider_key_id: id, checked_at: at, models: text })
        .onConflict((conflict) =>
          conflict
            .column('provider_key_id')
            .doUpdateSet({ checked_at: at, ...(text === null ? {} : { models: text }) }),
        )
        .execute()
    },
    async listExpiring(from, to) {
      const rows = await inUse().where('expires_at', '>', from).where('expires_at', '<=', to).execute()
      return rows.map(toKey)
    },
  }
}
