// The rows of provider keys, in SQL. Every read and write of the control plane names the owner, so no call can reach a
// row of somebody else; states are written by id and key version, so they never land on a key that was replaced.
import { sql, type Kysely, type Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Schema, UserProviderKeyTable } from '../../database/schema.ts'
import { parseStoredFallback, type StoredFallback } from '../../kernel/fallback.ts'
import type { ModelHealth, Probe, ProviderKeyStatus, StoredProviderKey } from './record.ts'

type Query = Kysely<Schema>

/** The names are the clients', so they are bounded per key. */
const MODELS_PER_KEY = 256

export interface NewSecret {
  readonly sealed: string
  readonly kid: string
  readonly prefix: string
  readonly last4: string
  readonly fingerprint: string
  readonly baseUrl: string | null
}

export interface KeySettings {
  readonly label?: string
  readonly isActive?: boolean
  readonly expiresAt?: number | null
  readonly fallback?: StoredFallback
  readonly allowedModels?: readonly string[] | null
  readonly cap?: { readonly usdNanos: number; readonly period: string } | null
}

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
}

/** A model that a key does not serve until then. */
export interface ModelMark extends ModelHealth {
  readonly id: string
  readonly keyVersion: number
}

export interface UsageByKey {
  readonly apiKeyId: string | null
  readonly apiKeyName: string | null
  /** As the provider knows it. */
  readonly model: string | null
  /** As the client wrote it. */
  readonly requestedModel: string | null
  readonly dialect: string
  readonly requests: number
  readonly lastAt: number
}

export interface ProviderKeyStore {
  /** All keys of a user, by provider and in order. */
  list(userId: string, query?: Query): Promise<StoredProviderKey[]>
  find(userId: string, id: string, query?: Query): Promise<StoredProviderKey | undefined>
  findFirst(userId: string, provider: string, query?: Query): Promise<StoredProviderKey | undefined>
  findByFingerprint(userId: string, provider: string, fingerprint: string): Promise<StoredProviderKey | undefined>
  /** Nobody else adds, moves or removes keys of this user until the transaction ends. */
  lockOwner(userId: string, tx: Transaction<Schema>): Promise<void>
  insert(key: StoredProviderKey, tx: Transaction<Schema>): Promise<void>
  /** False if the secret was replaced meanwhile. Clears all states, since they were the old key's. */
  replaceSecret(key: StoredProviderKey, secret: NewSecret, now: number, tx: Transaction<Schema>): Promise<boolean>
  /** False if `version` is no longer the row's. */
  edit(key: StoredProviderKey, settings: KeySettings, now: number, tx: Transaction<Schema>): Promise<boolean>
  /** Numbers the keys of one provider from 1 in the order given. */
  setOrder(userId: string, ids: readonly string[], tx: Transaction<Schema>): Promise<void>
  remove(userId: string, id: string, tx: Transaction<Schema>): Promise<boolean>
  /** False if nothing changed: another key version, or in that state already. */
  markStatus(mark: StatusMark): Promise<boolean>
  /** The same keys, with the models they do not serve just now. */
  withModels(keys: readonly StoredProviderKey[], now: number): Promise<StoredProviderKey[]>
  markModel(mark: ModelMark, now: number): Promise<void>
  /** The status the test led to, where it was another one before; null where nothing changed. */
  markTested(
    mark: Omit<StatusMark, 'status' | 'workedAt'> & { passed: boolean; rejected: boolean },
  ): Promise<ProviderKeyStatus | null>
  markUsed(times: ReadonlyMap<string, number>): Promise<void>
  /** What one key paid for since a time, by API key and model. */
  readUsage(userId: string, id: string, since: number): Promise<UsageByKey[]>
}

export function createProviderKeyStore(database: Database): ProviderKeyStore {
  const { query: own, kind } = database
  const ofUser = (userId: string, query: Query) =>
    query.selectFrom('user_provider_keys').selectAll().where('user_id', '=', userId)

  return {
    async list(userId, query = own) {
      const rows = await ofUser(userId, query).orderBy('provider').orderBy('position').orderBy('id').execute()
      return rows.map(toKey)
    },

    async find(userId, id, query = own) {
      const row = await ofUser(userId, query).where('id', '=', id).executeTakeFirst()
      return row && toKey(row)
    },

    async findFirst(userId, provider, query = own) {
      const ordered = ofUser(userId, query).where('provider', '=', provider).orderBy('position').orderBy('id')
      const row = await ordered.limit(1).executeTakeFirst()
      return row && toKey(row)
    },

    async findByFingerprint(userId, provider, fingerprint) {
      const found = ofUser(userId, own).where('provider', '=', provider).where('fingerprint', '=', fingerprint)
      const row = await found.executeTakeFirst()
      return row && toKey(row)
    },

    async lockOwner(userId, tx) {
      // SQLite's transactions run one after the other anyway.
      if (kind !== 'postgres') return
      await tx.selectFrom('users').select('id').where('id', '=', userId).forUpdate().execute()
    },

    async insert(key, tx) {
      await tx.insertInto('user_provider_keys').values(toRow(key)).execute()
    },

    async replaceSecret(key, secret, now, tx) {
      const result = await tx
        .updateTable('user_provider_keys')
        .set((column) => ({
          api_key_encrypted: secret.sealed,
          kid: secret.kid,
          key_version: key.keyVersion + 1,
          version: column('version', '+', 1),
          base_url: secret.baseUrl,
          prefix: secret.prefix,
          last4: secret.last4,
          fingerprint: secret.fingerprint,
          status: 'untested',
          status_reason: null,
          status_at: now,
          worked_at: null,
          last_tested_at: null,
          probe_at: null,
          probe_after_ms: null,
          updated_at: now,
        }))
        .where('id', '=', key.id)
        .where('user_id', '=', key.userId)
        .where('key_version', '=', key.keyVersion)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },

    async edit(key, settings, now, tx) {
      const result = await tx
        .updateTable('user_provider_keys')
        .set({ ...toSettingColumns(settings), version: key.version + 1, updated_at: now })
        .where('id', '=', key.id)
        .where('user_id', '=', key.userId)
        .where('version', '=', key.version)
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },

    async setOrder(userId, ids, tx) {
      for (const [index, id] of ids.entries()) {
        await tx
          .updateTable('user_provider_keys')
          .set({ position: index + 1 })
          .where('id', '=', id)
          .where('user_id', '=', userId)
          .execute()
      }
    },

    async remove(userId, id, tx) {
      const result = await tx
        .deleteFrom('user_provider_keys')
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .executeTakeFirst()
      return result.numDeletedRows === 1n
    },

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

    async markStatus({ id, keyVersion, status, reason, at, workedAt, probe }) {
      const worked = status === 'active'
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
            ...(worked ? [where('worked_at', 'is', null)] : []),
            ...(probe ? [where('probe_at', 'is', null), where('probe_at', '<', probe.at)] : []),
          ]),
        )
        .executeTakeFirst()
      return result.numUpdatedRows === 1n
    },

    async markTested({ id, keyVersion, reason, at, passed, rejected, probe }) {
      const tested = () =>
        own.updateTable('user_provider_keys').where('id', '=', id).where('key_version', '=', keyVersion)
      await tested()
        .set({ last_tested_at: at, ...(passed ? { worked_at: at } : {}) })
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

    async readUsage(userId, id, since) {
      const rows = await own
        .selectFrom('requests')
        .leftJoin('api_keys', 'api_keys.id', 'requests.api_key_id')
        .select((select) => [
          'requests.api_key_id as apiKeyId',
          'api_keys.name as apiKeyName',
          'requests.model as model',
          'requests.requested_model as requestedModel',
          'requests.client_dialect as dialect',
          select.fn.countAll().as('requests'),
          select.fn.max('requests.created_at').as('lastAt'),
        ])
        .where('requests.provider_key_id', '=', id)
        .where('requests.user_id', '=', userId)
        .where('requests.created_at', '>=', since)
        .groupBy(['requests.api_key_id', 'api_keys.name', 'requests.model'])
        .groupBy(['requests.requested_model', 'requests.client_dialect'])
        .execute()
      return rows.map((row) => ({ ...row, requests: Number(row.requests), lastAt: Number(row.lastAt) }))
    },
  }
}

function toSettingColumns(settings: KeySettings): Partial<UserProviderKeyTable> {
  const { label, isActive, expiresAt, fallback, allowedModels, cap } = settings
  return {
    ...(label !== undefined && { label }),
    ...(isActive !== undefined && { is_active: isActive }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    ...(fallback !== undefined && { fallback: JSON.stringify(fallback) }),
    ...(allowedModels !== undefined && { allowed_models: allowedModels && JSON.stringify(allowedModels) }),
    ...(cap !== undefined && { cap_usd_nanos: cap?.usdNanos ?? null, cap_period: cap?.period ?? null }),
  }
}

export function toKey(row: UserProviderKeyTable): StoredProviderKey {
  return {
    id: row.id,
    userId: row.user_id,
    provider: row.provider,
    baseUrl: row.base_url,
    label: row.label,
    position: row.position,
    isActive: row.is_active,
    expiresAt: row.expires_at,
    prefix: row.prefix,
    last4: row.last4,
    fallback: parseStoredFallback(row.fallback),
    allowedModels: row.allowed_models === null ? null : (JSON.parse(row.allowed_models) as string[]),
    status: row.status as ProviderKeyStatus,
    statusReason: row.status_reason,
    statusAt: row.status_at,
    workedAt: row.worked_at,
    probe: row.probe_at === null ? null : { at: row.probe_at, afterMs: row.probe_after_ms ?? 0 },
    models: [],
    keyVersion: row.key_version,
    version: row.version,
    kid: row.kid,
    sealed: row.api_key_encrypted,
    fingerprint: row.fingerprint,
    capUsdNanos: row.cap_usd_nanos,
    capPeriod: row.cap_period,
    lastTestedAt: row.last_tested_at,
    lastUsedAt: row.last_used_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function toRow(key: StoredProviderKey): UserProviderKeyTable {
  return {
    id: key.id,
    user_id: key.userId,
    provider: key.provider,
    api_key_encrypted: key.sealed,
    kid: key.kid,
    key_version: key.keyVersion,
    version: key.version,
    is_active: key.isActive,
    base_url: key.baseUrl,
    label: key.label,
    position: key.position,
    prefix: key.prefix,
    last4: key.last4,
    fingerprint: key.fingerprint,
    status: key.status,
    status_reason: key.statusReason,
    status_at: key.statusAt,
    worked_at: key.workedAt,
    last_tested_at: key.lastTestedAt,
    last_used_at: key.lastUsedAt,
    expires_at: key.expiresAt,
    fallback: JSON.stringify(key.fallback),
    allowed_models: key.allowedModels && JSON.stringify(key.allowedModels),
    cap_usd_nanos: key.capUsdNanos,
    cap_period: key.capPeriod,
    created_at: key.createdAt,
    updated_at: key.updatedAt,
    probe_at: key.probe?.at ?? null,
    probe_after_ms: key.probe?.afterMs ?? null,
  }
}
