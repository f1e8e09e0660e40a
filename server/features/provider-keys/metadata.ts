// What its owner sees of a provider key, built field by field: nothing of the row gets out because it was added to it.
import type { ProviderKey } from '../../../contract/provider-keys.ts'
import type { Budget, FallbackPolicy } from '../../../contract/common.ts'
import { toPublicId } from '../../kernel/ids.ts'
import type { CapUse } from './cap-health.ts'
import type { HeldModels } from './model-health.ts'
import type { StoredProviderKey } from './record.ts'

const SHOWN_FINGERPRINT = 8

/** With what is in no row: how it fares just now. */
export interface ShownProviderKey extends StoredProviderKey {
  readonly held?: HeldModels
  readonly capUse?: CapUse
}

export function describeProviderKey(key: ShownProviderKey, now: number, sharedWith: readonly string[]): ProviderKey {
  return {
    id: toPublicId('pk', key.id),
    provider: key.provider,
    base_url: key.baseUrl,
    label: key.label,
    is_active: key.isActive,
    position: key.position,
    prefix: key.prefix,
    last4: key.last4,
    fingerprint: key.fingerprint.slice(0, SHOWN_FINGERPRINT),
    status: shownStatus(key, now),
    status_reason: key.statusReason,
    held_models: (key.held?.named ?? []).map(({ model, status, until }) => ({
      model,
      status,
      until: new Date(until).toISOString(),
    })),
    held_models_more: key.held?.more ?? 0,
    disabled_at: key.isActive ? null : toText(key.disabledAt),
    last_tested_at: toText(key.lastTestedAt),
    last_test_ms: key.lastTestMs,
    last_used_at: toText(key.lastUsedAt),
    expires_at: toText(key.expiresAt),
    fallback: key.fallback as FallbackPolicy,
    allowed_models: key.allowedModels === null ? null : [...key.allowedModels],
    cap: describeCap(key),
    cap_use: key.capUse
      ? { spent_usd_micros: Math.round(key.capUse.spentUsdNanos / 1000), resets_at: toText(key.capUse.resetsAt) }
      : null,
    key_version: key.keyVersion,
    version: key.version,
    shared_with: [...sharedWith],
    created_at: new Date(key.createdAt).toISOString(),
    updated_at: new Date(key.updatedAt).toISOString(),
  }
}

function shownStatus(key: StoredProviderKey, now: number): ProviderKey['status'] {
  if (!key.isActive) return 'disabled'
  if (key.expiresAt !== null && key.expiresAt <= now) return 'expired'
  return key.status === 'untested' ? 'active' : key.status
}

/** Kept as nano-dollars and a period, both or neither. */
function describeCap({ capUsdNanos, capPeriod }: StoredProviderKey): ProviderKey['cap'] {
  if (capUsdNanos === null || capPeriod === null) return null
  return { usd: capUsdNanos / 1e9, period: capPeriod as Budget['period'] }
}

function toText(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}
