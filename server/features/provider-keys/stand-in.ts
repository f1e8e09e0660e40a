// What the server paid for in the place of a key that was rejected or ran out of credit: said beside the key, so that
// no fallback stays unseen.
import type { ProviderKeyStandIn } from '../../../contract/provider-keys.ts'
import type { StoredProviderKey } from './record.ts'

/**
 * Counts the requests that the server's keys paid for, for a reason, from a time (epoch ms) on, as the log has them.
 */
export type CountStandIns = (of: {
  readonly userId: string
  readonly provider: string
  readonly reason: string
  readonly from: number
}) => Promise<number>

/** States of a whole key whose name is also the reason under which the server stands in. */
const REASONS = new Set<string>(['invalid', 'exhausted'])

export async function describeStandIn(
  key: StoredProviderKey,
  count: CountStandIns | undefined,
): Promise<ProviderKeyStandIn> {
  const { userId, provider, status: reason, statusAt, workedAt } = key
  if (!REASONS.has(reason) || statusAt === null) return { since: null, requests: 0, from: null }
  // The request that found the key dead began before its state was written; since it last began to work, no other did.
  const from = workedAt ?? (key.keyVersion === 1 ? key.createdAt : statusAt)
  return {
    since: new Date(statusAt).toISOString(),
    requests: (await count?.({ userId, provider, reason, from })) ?? 0,
    from: new Date(from).toISOString(),
  }
}
