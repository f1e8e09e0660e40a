// What an owner may set on a key besides its secret: from the body to the row, and before and after for the audit log.
import type { EditProviderKeyBody } from '../../../contract/provider-keys.ts'
import type { StoredProviderKey } from './record.ts'
import type { KeySettings } from './store.ts'

export function readSettings(input: Omit<EditProviderKeyBody, 'version'>): KeySettings {
  const { label, is_active, expires_at, fallback, allowed_models, cap } = input
  return {
    ...(label !== undefined && { label }),
    ...(is_active !== undefined && { isActive: is_active }),
    ...(expires_at !== undefined && { expiresAt: expires_at === null ? null : Date.parse(expires_at) }),
    ...(fallback !== undefined && { fallback }),
    ...(allowed_models !== undefined && { allowedModels: allowed_models }),
    ...(cap !== undefined && { cap: cap && { usdNanos: Math.round(cap.usd * 1e9), period: cap.period } }),
  }
}

/** Before and after of each field, for the audit log. */
export function describeSettingChanges(
  key: StoredProviderKey,
  settings: KeySettings,
  position: number | undefined,
): object {
  const before: KeySettings = {
    label: key.label,
    isActive: key.isActive,
    expiresAt: key.expiresAt,
    fallback: key.fallback,
    allowedModels: key.allowedModels,
    cap: key.capUsdNanos === null ? null : { usdNanos: key.capUsdNanos, period: key.capPeriod ?? '' },
  }
  const changes = Object.entries(settings).map(([name, after]) => [
    name,
    { from: before[name as keyof KeySettings], to: after },
  ])
  return {
    ...Object.fromEntries(changes),
    ...(position !== undefined && { position: { from: key.position, to: position } }),
  }
}
