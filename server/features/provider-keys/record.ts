// A user's provider key as the rules see it: metadata and the sealed text, never the key itself.
import type { StoredFallback } from '../../kernel/fallback.ts'

export type ProviderKeyStatus =
  | 'active'
  | 'untested'
  | 'invalid'
  | 'restricted'
  | 'exhausted'
  | 'cooling'
  | 'capped'
  | 'undecryptable'

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
  readonly status: ProviderKeyStatus
  readonly statusReason: string | null
  /** When it entered that status, epoch ms. */
  readonly statusAt: number | null
  /** When it last passed a test or served, epoch ms; null = never. */
  readonly workedAt: number | null
  readonly keyVersion: number
  readonly version: number
  readonly kid: string
  /** The `ur1` text. */
  readonly sealed: string
}
