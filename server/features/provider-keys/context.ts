// What the parts of this room share; built once by service.ts.
import type { ProviderKeyTest } from '../../../contract/provider-keys.ts'
import type { EndedLeaseAnswer, LeaseAnswer } from '../../../contract/teams.ts'
import type { UsageAnswer, UsageQuery } from '../../../contract/usage.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Audit, AuditEntry } from '../audit/audit.ts'
import type { ReadCap } from './cap-health.ts'
import type { Notify } from './key-notices.ts'
import type { ExplainWithout } from './impact.ts'
import type { KeyStates, OnKeyChange } from './key-states.ts'
import type { ReadHealth } from './model-health.ts'
import { describeBinding, type StoredProviderKey } from './record.ts'
import type { Shredder } from './shredder.ts'
import type { CountStandIns } from './stand-in.ts'
import type { ProviderKeyStore } from './store.ts'

/** Who asks, as the audit log notes it. */
export interface KeyActor {
  readonly userId: string
  readonly ip: string | null
}

export interface KnownProviders {
  has(id: string): boolean
  /** Does the operator let users bring keys for it? */
  takesKeys(id: string): boolean
  readonly names: readonly string[]
  findKeyPrefix(id: string, key: string): string
}

/** A provider that is left alone for a while. */
export interface DownProvider {
  readonly provider: string
  readonly model: string
  /** Milliseconds; 0: the next request asks it again. */
  readonly leftMs: number
}

/** The provider's free call that shows whether a key works. */
export type TestKey = (input: { provider: string; baseUrl: string | null; key: Secret }) => Promise<{
  valid: boolean
  status: ProviderKeyTest['status']
  latencyMs: number
  models?: string[]
  message: string
}>

export interface ProviderKeysOptions {
  database: Database
  vault: Vault
  clock: Clock
  log: Log
  audit: Audit
  providers: KnownProviders
  testKey: TestKey
  allowUserBaseUrls: boolean
  explain?: ExplainWithout
  /** Models a key does not serve just now. */
  readHealth?: ReadHealth
  /** How much of a key's own spending cap is used. */
  readCap?: ReadCap
  /** Sums over what one key paid for, whoever asked. */
  readKeyUsage?: (keyId: string, query: UsageQuery) => Promise<UsageAnswer>
  countStandIns?: CountStandIns
  /** Providers that are not called for a user’s keys just now, at the vendors and at these base URLs. */
  listDown?: (userId: string, baseUrls: readonly string[]) => readonly DownProvider[]
  notify?: Notify
  onKeyChange?: OnKeyChange
  /** With whom each of a user's keys is shared, by bare key id. */
  namesSharedWith?: (userId: string) => Promise<ReadonlyMap<string, readonly string[]>>
  /** What others share with a user. */
  listBorrowed?: (userId: string) => Promise<LeaseAnswer[]>
  /** Those that lately were. */
  listEndedLeases?: (userId: string) => Promise<EndedLeaseAnswer[]>
  /** How long to wait before erasing is tried again. */
  retryMs?: number
}

/** The options, and what is built from them. */
export interface KeyContext extends ProviderKeysOptions {
  readonly store: ProviderKeyStore
  readonly states: KeyStates
  readonly shredder: Shredder
}

/** An audit entry about a key: who, and what its ciphertext was bound to. */
export function entryFor(actor: KeyActor, action: string, key: StoredProviderKey, more: object = {}): AuditEntry {
  return {
    actorType: 'user',
    actorId: actor.userId,
    ip: actor.ip,
    action,
    targetType: 'provider_key',
    targetId: key.id,
    details: { ...describeBinding(key), label: key.label, ...more },
  }
}
