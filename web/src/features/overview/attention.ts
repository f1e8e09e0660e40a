// What wants somebody's attention: keys that do not serve, expire soon, or are near their limit.
import type { ApiKey } from '../../../../contract/api-keys.ts'
import type { ProviderKey } from '../../../../contract/provider-keys.ts'

export interface Concern {
  readonly id: string
  readonly kind: 'rejected' | 'no_credit' | 'unreadable' | 'expiring' | 'near_limit' | 'spent' | 'near_cap' | 'capped'
  readonly label: string
  readonly to: string
  /** Of what expires. */
  readonly expiresAt: string | null
  /** It serves no longer. */
  readonly broken: boolean
}

const SOON_MS = 14 * 86_400_000
const NEAR = 0.8
const BROKEN = { invalid: 'rejected', exhausted: 'no_credit', undecryptable: 'unreadable' } as const

/** How much of a limit on spending is used; 0 without one. */
function shareOf(limit: { usd: number } | null, use: { spent_usd_micros: number } | null): number {
  return limit && use ? use.spent_usd_micros / (limit.usd * 1e6) : 0
}

export function findConcerns(
  providerKeys: readonly ProviderKey[],
  apiKeys: readonly ApiKey[],
  unnamed: string,
  now = Date.now(),
): Concern[] {
  const isSoon = (at: string | null): boolean => {
    const left = at === null ? Infinity : Date.parse(at) - now
    return left > 0 && left < SOON_MS
  }
  const concerns: Concern[] = []
  for (const key of providerKeys) {
    const shared = { id: key.id, label: key.label || unnamed, to: '/settings/provider-keys' }
    const kind = BROKEN[key.status as keyof typeof BROKEN]
    if (kind) {
      concerns.push({ ...shared, kind, expiresAt: null, broken: true })
      continue
    }
    const isNear = key.is_active && shareOf(key.cap, key.cap_use) >= NEAR
    if (key.status === 'capped') concerns.push({ ...shared, kind: 'capped', expiresAt: null, broken: false })
    else if (isNear) concerns.push({ ...shared, kind: 'near_cap', expiresAt: null, broken: false })
    if (isSoon(key.expires_at)) {
      concerns.push({ ...shared, kind: 'expiring', expiresAt: key.expires_at, broken: false })
    }
  }
  for (const key of apiKeys.filter(({ is_active }) => is_active)) {
    const shared = { id: key.id, label: key.name, to: '/settings/api-keys', broken: false }
    const used = shareOf(key.budget, key.budget_use)
    if (used >= NEAR) concerns.push({ ...shared, kind: used >= 1 ? 'spent' : 'near_limit', expiresAt: null })
    if (isSoon(key.expires_at)) concerns.push({ ...shared, kind: 'expiring', expiresAt: key.expires_at })
  }
  return concerns.toSorted((a, b) => Number(b.broken) - Number(a.broken))
}
