// The rules of UniRoute's API keys: made, listed, changed, rotated and revoked by their owner alone.
// Invariants: the text of a key leaves once, in the answer that made it; a revoked key never comes back; every change
// acts on the next request of this instance.
import type { CreateApiKeyBody, UpdateApiKeyBody } from '../../../contract/api-keys.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid, parsePublicId } from '../../kernel/ids.ts'
import { describeLimits, NO_LIMITS, toLimitColumns } from '../../kernel/limits.ts'
import type { Audit } from '../audit/audit.ts'
import { describeChanges } from '../../kernel/changes.ts'
import { digestApiKey, generateApiKey } from './key-format.ts'
import type { ApiKeyChange, ApiKeyRow, ApiKeyStore } from './store.ts'

export interface Owner {
  readonly userId: string
  readonly ip: string
}

export interface ApiKeyService {
  create(fields: CreateApiKeyBody, owner: Owner): Promise<{ row: ApiKeyRow; key: string }>
  list(userId: string, includeRevoked: boolean): Promise<ApiKeyRow[]>
  update(id: string, fields: UpdateApiKeyBody, owner: Owner): Promise<ApiKeyRow>
  rotate(id: string, overlapSeconds: number, owner: Owner): Promise<{ row: ApiKeyRow; key: string }>
  revoke(id: string, owner: Owner): Promise<void>
}

export interface ApiKeyServiceOptions {
  readonly database: Database
  readonly store: ApiKeyStore
  readonly clock: Clock
  readonly audit: Audit
  readonly changed: (keyId: string) => void
  readonly isTeamMember: (teamId: string, userId: string) => Promise<boolean>
}

export function createApiKeyService(options: ApiKeyServiceOptions): ApiKeyService {
  const { database, store, clock, audit, changed } = options

  /** One change of one key with its audit entry, all or nothing; then memory forgets the key. */
  async function change(
    action: string,
    id: string,
    { userId, ip }: Owner,
    describe: (before: ApiKeyRow) => object,
    write: (...[tx]: Parameters<Parameters<Database['transaction']>[0]>) => Promise<boolean>,
    explain: () => Promise<GatewayError>,
  ): Promise<void> {
    const done = await database.transaction(async (tx) => {
      const before = await store.find(id, userId, tx)
      if (!before || !(await write(tx))) return false
      const details = { name: before.name, team_id: before.team_id, ...describe(before) }
      await audit.record(
        { actorType: 'user', actorId: userId, ip, action, targetType: 'api-key', targetId: id, details },
        tx,
      )
      return true
    })
    if (!done) throw await explain()
    changed(id)
  }

  async function readTeam(team: string | null, userId: string): Promise<string | null> {
    if (team === null) return null
    const id = parsePublicId('team', team)
    if (id !== undefined && (await options.isTeamMember(id, userId))) return id
    throw new GatewayError('not_found', { message: 'You are in no such team.' })
  }

  async function getRow(id: string, userId: string): Promise<ApiKeyRow> {
    const row = await store.find(id, userId)
    if (!row) throw notFound()
    return row
  }

  return {
    async create(fields, { userId, ip }) {
      const now = clock.now()
      assertFuture(fields.expires_at, now)
      const teamId = await readTeam(fields.team_id ?? null, userId)
      const key = generateApiKey()
      const row: ApiKeyRow = {
        id: createUlid(now),
        user_id: userId,
        team_id: teamId,
        key_hash: digestApiKey(key),
        last4: key.slice(-4),
        previous_hash: null,
        previous_expires_at: null,
        is_active: true,
        name: fields.name,
        expires_at: null,
        ...NO_LIMITS,
        allowed_models: null,
        allowed_payers: null,
        fallback: JSON.stringify('allow'),
        ...toColumns(fields),
        version: 1,
        last_used_at: null,
        created_at: now,
        updated_at: now,
      }
      await database.transaction(async (tx) => {
        await store.insert(row, tx)
        await audit.record(
          {
            actorType: 'user',
            actorId: userId,
            ip,
            action: 'api-key.created',
            targetType: 'api-key',
            targetId: row.id,
            details: { name: row.name, last4: row.last4, team_id: row.team_id, settings: describeSettings(row) },
          },
          tx,
        )
      })
      return { row, key }
    },

    list: (userId, includeRevoked) => store.list(userId, includeRevoked),

    async update(id, { version, ...fields }, owner) {
      const now = clock.now()
      assertFuture(fields.expires_at, now)
      const columns = toColumns(fields)
      if (Object.keys(columns).length === 0) {
        // Nothing to change is no change: the version stays for those who hold it.
        const row = await getRow(id, owner.userId)
        if (!row.is_active) throw notFound()
        if (version !== undefined && version !== row.version) throw new GatewayError('version_conflict')
        return row
      }
      await change(
        'api-key.changed',
        id,
        owner,
        (before) => ({ changes: describeChanges(before, columns, JSON_COLUMNS) }),
        (tx) => store.update({ id, userId: owner.userId, version }, columns, now, tx),
        async () => {
          const row = await store.find(id, owner.userId)
          return row?.is_active ? new GatewayError('version_conflict') : notFound()
        },
      )
      return getRow(id, owner.userId)
    },

    async rotate(id, overlapSeconds, owner) {
      const now = clock.now()
      const key = generateApiKey()
      const previousExpiresAt = overlapSeconds === 0 ? null : now + overlapSeconds * 1000
      const last4 = key.slice(-4)
      await change(
        'api-key.rotated',
        id,
        owner,
        (before) => ({ overlap_seconds: overlapSeconds, changes: describeChanges(before, { last4 }) }),
        (tx) =>
          store.rotate({ id, userId: owner.userId }, { digest: digestApiKey(key), last4, previousExpiresAt }, now, tx),
        async () => notFound(),
      )
      return { row: await getRow(id, owner.userId), key }
    },

    async revoke(id, owner) {
      await change(
        'api-key.revoked',
        id,
        owner,
        (before) => ({ last4: before.last4, settings: describeSettings(before) }),
        (tx) => store.revoke({ id, userId: owner.userId }, clock.now(), tx),
        async () => notFound(),
      )
    },
  }
}

const JSON_COLUMNS = ['allowed_models', 'allowed_payers', 'fallback'] as const

/** Whatever of its settings bounds it. */
function describeSettings(row: ApiKeyRow): object {
  const parse = (text: string | null): unknown => (text === null ? null : JSON.parse(text))
  const settings = {
    ...describeLimits(row),
    expires_at: row.expires_at,
    allowed_models: parse(row.allowed_models),
    allowed_payers: parse(row.allowed_payers),
    fallback: parse(row.fallback),
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null))
}

/** Somebody else's key, a revoked one and none at all are told apart by nobody. */
export function notFound(): GatewayError {
  return new GatewayError('not_found', { message: 'You have no such API key.' })
}

function assertFuture(expiresAt: string | null | undefined, now: number): void {
  if (expiresAt === null || expiresAt === undefined || Date.parse(expiresAt) > now) return
  const message = 'Choose an expiry in the future, or leave it out.'
  throw new GatewayError('validation_failed', { message, details: [{ path: 'expires_at', message }] })
}

/** Only the fields that were sent; null clears. */
function toColumns(fields: Omit<UpdateApiKeyBody, 'version'>): ApiKeyChange {
  const columns: ApiKeyChange = toLimitColumns(fields)
  if (fields.name !== undefined) columns.name = fields.name
  if (fields.expires_at !== undefined)
    columns.expires_at = fields.expires_at === null ? null : Date.parse(fields.expires_at)
  if (fields.allowed_models !== undefined) columns.allowed_models = toList(fields.allowed_models)
  if (fields.allowed_payers !== undefined) columns.allowed_payers = toList(fields.allowed_payers)
  if (fields.fallback !== undefined) {
    columns.fallback = JSON.stringify(
      typeof fields.fallback === 'string' ? fields.fallback : [...new Set(fields.fallback)],
    )
  }
  return columns
}

function toList(items: readonly string[] | null): string | null {
  return items === null ? null : JSON.stringify([...new Set(items)])
}
