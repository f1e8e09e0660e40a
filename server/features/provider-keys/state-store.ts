// How provider keys fare, in SQL: states of whole keys and of their models. Written by id and key version, so that none
// lands on a key that was replaced.
import { sql } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { ModelHealth, Probe, ProviderKeyStatus, StoredProviderKey } from './record.ts'

/** The names are the clients', so they are bounded per key. */
const MODELS_PER_KEY = 256

export interface StatusMark {
  readonly id: string
  readonly keyVersion: number
  readonly status: ProviderKeyStatus
  readonly reason: string | null
  readonly at: number
  /** When it last passed a test or served; null = not known to have. */
  readonly workedAt: number | null
  /** When a key that is set aside may be tried again. */
  readonly probe: Probe | null
  /** When the call began that found it. */
  readonly begunAt: number
}

/** A model that a key does not serve until then. */
export interface ModelMark extends ModelHealth {
  readonly id: string
  readonly keyVersion: number
}

export interface KeyStateStore {
  /** False if nothing changed: another key version, or in that state already. */
  markStatus(mark: StatusMark): Promise<boolean>
  /** The end of a pause, compare-and-set; both epoch ms. */
  moveProbe(move: { id: string; keyVersion: number; from: number; to: number }): Promise<boolean>
  /** Was it in the list of the last check that passed? */
  listsModel(id: string, model: string): Promise<boolean>
  /** The same keys, with the models they do not serve just now. */
  withModels(keys: readonly StoredProviderKey[], now: number): Promise<StoredProviderKey[]>
  markModel(mark: ModelMark, now: number): Promise<void>
  /** The status the test led to, where it was another one before; null where nothing changed. */
  markTested(
    mark: Omit<StatusMark, 'status' | 'workedAt' | 'begunAt'> & { passed: boolean; rejected: boolean; tookMs: number },
  ): Promise<ProviderKeyStatus | null>
  markUsed(times: ReadonlyMap<string, number>): Promise<void>
}

export function createKeyStateStore({ query: own }: Database): KeyStateStore {
  return {
    async withModels(keys, now) {
      if (keys.length === 0) return []
      const ids = keys.map(({ id }) => id)
      const rows = await own
        .selectFrom('key_model_states')
        .selectAll()
        .where('provider_key_id', 'in', ids)
        .where('ends_at', '>', now)
        .execute()
      if (rows.length === 0) return [...keys]
      return keys.map((key) => {
        const models = rows
          .filter((row) => row.provider_key_id === key.id && row.key_version === key.keyVersion)
          .map(({ model, state, ends_at: until }) => ({ model, status: state, until }))
        return { ...key, models }
      })
    },

    async markModel({ id, keyVersion, model, status, until }, now) {
      const ofKey = own.deleteFrom('key_model_states').where('provider_key_id', '=', id)
      await ofKey.where('ends_at', '<=', now).execute()
      await sql`
        INSERT INTO key_model_states (provider_key_id, model, key_version, state, ends_at)
        SELECT id, ${model}, ${keyVersion}, ${status}, ${until} FROM user_provider_keys
        WHERE id = ${id} AND key_version = ${keyVersion}
          AND (SELECT COUNT(*) FROM key_model_states WHERE provider_key_id = ${id}) < ${MODELS_PER_KEY}
        ON CONFLICT (provider_key_id, model)
        DO UPDATE SET key_version = excluded.key_version, state = excluded.state, ends_at = excluded.ends_at`.execute(
        own,
      )
    },

    async markStatus({ id, keyVersion, status, reason, at, workedAt, probe, begunAt }) {
      const result = await own
        .updateTable('user_provider_keys')
        .set({
          status,
          status_reason: reason,
          ...(workedAt === null ? {} : { worked_at: workedAt }),
          probe_at: probe?.at ?? null,
          probe_after_ms: probe?.afterMs ?? null,
        })
        // Set aside once more: it is the same state, for longer.
        .set((column) => ({
          status_at: column.case().when('status', '=', status).then(column.ref('status_at')).else(at).end(),
        }))
        .where('id', '=', id)
        .where('key_version', '=', keyVersion)
        .where((where) =>
          where.or([
            where('status', '<>', status),
            ...(workedAt === null ? [] : [where('worked_at', 'is', null)]),
            ...(probe ? [where('probe_at', 'is', null)] : []),
            // Once per pause: a call begun before it says nothing about it.
            ...(probe
              ? [
                  where.and([
                    where('probe_at', '<', probe.at),
                    where(where.ref('probe_at'), '<', sql<number>`probe_after_ms + ${begunAt}`),
                  ]),
                ]
              : []),
          ]),
        )
        .$if(status === 'active', (update) =>
          update.where((where) =>
            where.or([
              where('status', 'not in', ['invalid', 'exhausted']),
              where('status_at', 'is', null),
              where('status_at', '<=', begunAt),
            ]),
          ),
        )
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },

    async moveProbe({ id, keyVersion, from, to }) {
      const result = await own
        .updateTable('user_provider_keys')
        .set({ probe_at: to })
        .where('id', '=', id)
        .where('key_version', '=', keyVersion)
        .where('status', 'in', ['invalid', 'exhausted'])
        .where('probe_at', '=', from)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },

    async listsModel(id, model) {
      const row = await own
        .selectFrom('provider_key_checks')
        .select('models')
        .where('provider_key_id', '=', id)
        .executeTakeFirst()
      return row?.models != null && (JSON.parse(row.models) as string[]).includes(model)
    },

    async markTested({ id, keyVersion, reason, at, passed, rejected, tookMs, probe }) {
      const tested = () =>
        own.updateTable('user_provider_keys').where('id', '=', id).where('key_version', '=', keyVersion)
      await tested()
        .set({ last_tested_at: at, last_test_ms: passed ? tookMs : null, ...(passed ? { worked_at: at } : {}) })
        .execute()
      if (passed) {
        // A free test cannot see credit or limits, so it clears none of those states.
        const result = await tested()
          .set({ status: 'active', status_reason: null, status_at: at, probe_at: null, probe_after_ms: null })
          .where('status', 'in', ['untested', 'invalid', 'undecryptable'])
          .executeTakeFirst()
        return result.numUpdatedRows === 1n ? 'active' : null
      }
      if (!rejected) return null
      const pause = { probe_at: probe?.at ?? null, probe_after_ms: probe?.afterMs ?? null }
      const result = await tested()
        .set({ status: 'invalid', status_reason: reason, status_at: at, ...pause })
        .where('status', '<>', 'invalid')
        .executeTakeFirst()
      if (result.numUpdatedRows === 1n) return 'invalid'
      await tested().set(pause).where('status', '=', 'invalid').execute()
      return null
    },

    async markUsed(times) {
      for (const [id, at] of times) {
        await own
          .updateTable('user_provider_keys')
          .set({ last_used_at: at })
          .where('id', '=', id)
          .where((where) => where.or([where('last_used_at', 'is', null), where('last_used_at', '<', at)]))
          .execute()
      }
    },
  }
}
