// A user's provider key as the rules see it: metadata and the sealed text, never the key itself.
import type { StoredFallback } from '../../kernel/fallback.ts'
import type { SealedRecord } from '../../vault/record.ts'

/** As stored; `untested` until it first served or passed a test. Disabled and expired follow from other fields. */
export type ProviderKeyStatus =
  'active' | 'untested' | 'invalid' | 'restricted' | 'exhausted' | 'cooling' | 'capped' | 'undecryptable'

/** Times are epoch ms. */
export interface Probe {
  readonly at: number
  readonly afterMs: number
}

/** A model that a key does not serve for a while. */
export interface ModelHealth {
  readonly model: string
  readonly status: 'cooling' | 'restricted'
  /** When it is tried again, epoch ms. */
  readonly until: number
}

export interface ProviderKeyRecord {
  readonly id: string
  readonly userId: string
  readonly provider: string
  readonly baseUrl: string | null
  readonly label: string
  readonly position: number
  readonly isActive: boolean
  readonly expiresAt: number | null
  readonly prefix: string
  readonly last4: string
  readonly fallback: StoredFallback
  readonly allowedModels: readonly string[] | null
  /** The owner's own spending cap. */
  readonly capUsdNanos: number | null
  readonly capPeriod: string | null
  readonly status: ProviderKeyStatus
  readonly statusReason: string | null
  /** When it entered that status, epoch ms. */
  readonly statusAt: number | null
  /** When it last passed a test or served, epoch ms; null = never. */
  readonly workedAt: number | null
  /** Of a key set aside as a whole: from when it may be tried again, and how long it was set aside the last time. */
  readonly probe: Probe | null
  /** Models this key does not serve just now, as any instance found. Only where keys are read for requests. */
  readonly models: readonly ModelHealth[]
  readonly keyVersion: number
  readonly version: number
  readonly kid: string
  /** The `ur1` text. */
  readonly sealed: string
}

/** What is shown or changed besides what routing needs. */
export interface StoredProviderKey extends ProviderKeyRecord {
  /** 32 hex digits. */
  readonly fingerprint: string
  readonly lastTestedAt: number | null
  /** How long that test took; null where it did not pass. */
  readonly lastTestMs: number | null
  /** Since when it is switched off, epoch ms; null while it is on, and where that is not known. */
  readonly disabledAt: number | null
  readonly lastUsedAt: number | null
  readonly createdAt: number
  readonly updatedAt: number
}

type BoundFields = Pick<ProviderKeyRecord, 'id' | 'userId' | 'provider' | 'baseUrl' | 'keyVersion'>

/** What the key's ciphertext is bound to. An unreadable base URL gives an origin under which nothing opens. */
export function bindingOf(key: BoundFields): SealedRecord {
  return {
    ownerType: 'user',
    ownerId: key.userId,
    provider: key.provider,
    origin: key.baseUrl === null ? '' : URL.canParse(key.baseUrl) ? new URL(key.baseUrl).origin : 'unreadable',
    recordId: key.id,
    keyVersion: key.keyVersion,
  }
}

/** The same fields as the audit log names them. */
export function describeBinding(key: BoundFields): Record<string, string | number> {
  const { ownerType, ownerId, provider, origin, recordId, keyVersion } = bindingOf(key)
  return {
    owner_type: ownerType,
    owner_id: ownerId,
    provider,
    origin,
    record_id: recordId,
    key_version: keyVersion,
  }
}
