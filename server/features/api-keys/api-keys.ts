// UniRoute's own API keys (`ur_…`), with which programs call the data plane: issuing them and knowing their holder.
// May import features/audit; knows no provider keys and no sessions.
import type { Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Schema } from '../../database/schema.ts'
import type { ControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import { parseStoredFallback, type StoredFallback } from '../../kernel/fallback.ts'
import type { Log } from '../../kernel/log.ts'
import type { Leaving } from '../accounts/deletion.ts'
import type { Audit } from '../audit/audit.ts'
import { buildContext, buildHolderContext, type ApiKeyContext } from './context.ts'
import { createKeyMemory } from './key-memory.ts'
import { createLastUsed } from './last-used.ts'
import { createLeaving } from './leaving.ts'
import { createApiKeyRoutes, type ReadSpent } from './routes.ts'
import { createApiKeyService } from './service.ts'
import { createApiKeyStore } from './store.ts'

export interface ApiKeysOptions {
  readonly database: Database
  readonly clock: Clock
  readonly audit: Audit
  readonly log?: Log
  readonly isTeamMember: (teamId: string, userId: string) => Promise<boolean>
  readonly readSpent: ReadSpent
  /** Told the id of a key that changed, after the commit: for other instances. */
  readonly announce?: (keyId: string) => void
}

/** What others tell of a key beside its id. */
export interface NamedApiKey {
  readonly id: string
  readonly name: string
  readonly last4: string
  readonly isActive: boolean
  /** Epoch ms; null = never. */
  readonly expiresAt: number | null
  readonly fallback: StoredFallback
}

export interface ApiKeys {
  readonly routes: readonly ControlRoute[]
  /** All keys of a user, the revoked ones too; the newest first. */
  listNamed(userId: string): Promise<NamedApiKey[]>
  /** Who a key stands for; throws `invalid_api_key`, or `storage_unavailable` for a key that is not in memory. */
  authenticateApiKey(key: string): Promise<ApiKeyContext>
  /** The same from memory alone; undefined means: ask `authenticateApiKey`. */
  peekApiKey(key: string): ApiKeyContext | undefined
  /**
   * What a call of this user with this key (without one, where null) would be allowed; null where it no longer would.
   */
  describeCaller(userId: string, keyId: string | null, sessionId?: string | null): Promise<ApiKeyContext | null>
  /** As part of a transaction of whoever ends a membership; `invalidate` the ids once it is committed. */
  revokeTeamKeys(teamId: string, userId: string | null, tx: Transaction<Schema>): Promise<readonly string[]>
  /** How many that would revoke. */
  countTeamKeys(teamId: string, userId: string | null): Promise<number>
  /** For whoever deletes their account. */
  readonly leaving: Leaving
  /** Notes a use; written in the background. */
  touch(keyId: string): void
  flushTouches(): Promise<void>
  /** A key or a user changed, here or on another instance: drops what is held about it. */
  invalidate(id: string): void
  close(): Promise<void>
}

export function createApiKeys(options: ApiKeysOptions): ApiKeys {
  const { database, clock, audit, log, announce } = options
  const store = createApiKeyStore(database)
  const memory = createKeyMemory({ store, clock })
  const lastUsed = createLastUsed({ store, clock, ...(log ? { log } : {}) })
  const service = createApiKeyService({
    database,
    store,
    clock,
    audit,
    isTeamMember: options.isTeamMember,
    changed(keyId) {
      memory.invalidate(keyId)
      announce?.(keyId)
    },
  })
  return {
    routes: createApiKeyRoutes({ service, clock, readSpent: options.readSpent }),
    async listNamed(userId) {
      const rows = await store.list(userId, true)
      return rows.map((row) => ({
        id: row.id,
        name: row.name,
        last4: row.last4,
        isActive: row.is_active,
        expiresAt: row.expires_at,
        fallback: parseStoredFallback(row.fallback),
      }))
    },
    authenticateApiKey: (key) => memory.authenticate(key),
    peekApiKey: (key) => memory.peek(key),
    async describeCaller(userId, keyId, sessionId = null) {
      if (keyId === null) {
        const holder = await store.findHolder(userId)
        return holder?.is_active ? buildHolderContext(holder, sessionId) : null
      }
      const state = await store.findState(keyId, userId)
      const context = state ? buildContext(state, state.key_hash) : null
      return typeof context === 'string' ? null : context
    },
    countTeamKeys: (teamId, userId) => store.countOfTeam(teamId, userId),
    revokeTeamKeys: (teamId, userId, tx) => store.revokeOfTeam(teamId, userId, clock.now(), tx),
    leaving: createLeaving({ store, audit }),
    touch: (keyId) => lastUsed.touch(keyId),
    flushTouches: () => lastUsed.flush(),
    invalidate: (id) => memory.invalidate(id),
    close: () => lastUsed.close(),
  }
}
