// The rows of provider keys, in SQL. Every read and write of the control plane names the owner, so no call can reach a
// row of somebody else.
import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Schema, UserProviderKeyTable } from '../../database/schema.ts'
import { parseStoredFallback, type StoredFallback } from '../../kernel/fallback.ts'
import type { ProviderKeyStatus, StoredProviderKey } from './record.ts'
import type { ServedPart } from './served-part.ts'
import { createKeyStateStore, type KeyStateStore } from './state-store.ts'

type Query = Kysely<Schema>

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

export interface ProviderKeyStore extends KeyStateStore {
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
  /** What one key paid for since a time, by API key and model. */
  readUsage(userId: string, id: string, since: number): Promise<UsageByKey[]>
  /** Of everybody but its owner. */
  readBorrowedUsage(userId: string, id: string, since: number): Promise<ServedPart[]>
}

export function createProviderKeyStore(database: Database): ProviderKeyStore {
  const { query: own, kind } = database
  const ofUser = (userId: string, query: Query) =>
    query.selectFrom('user_provider_keys').selectAll().where('user_id', '=', userId)

  return {
    ...createKeyStateStore(database),

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
          last_test_ms: null,
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
        .set({ ...toSettingColumns(settings), ...toSwitchColumn(key, settings, now), version: key.version + 1 })
        .set({ updated_at: now })
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

    async readBorrowedUsage(userId, id, since) {
      const rows = await own
        .selectFrom('requests')
        .select((select) => [
          'user_id as userId',
          'api_key_id as apiKeyId',
          'provider',
          'model',
          'requested_model as requestedModel',
          'client_dialect as dialect',
          select.fn.countAll().as('requests'),
        ])
        .where('provider_key_id', '=', id)
        .where('user_id', '<>', userId)
        .where('created_at', '>=', since)
        .groupBy(['user_id', 'api_key_id', 'provider', 'model', 'requested_model', 'client_dialect'])
        .execute()
      return rows.map((row) => ({ ...row, provider: row.provider ?? '', requests: Number(row.requests) }))
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

/** What is switched off once more has been off all along. */
function toSwitchColumn(
  { isActive: wasActive }: StoredProviderKey,
  { isActive }: KeySettings,
  now: number,
): Pick<UserProviderKeyTable, 'disabled_at'> | undefined {
  if (isActive === undefined || isActive === wasActive) return undefined
  return { disabled_at: isActive ? null : now }
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
    lastTestMs: row.last_test_ms,
    disabledAt: row.disabled_at,
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
    disabled_at: key.disabledAt,
    last_test_ms: key.lastTestMs,
  }
}
