// A fallback policy as switches, one a reason.
import type { FallbackPolicy, FallbackReason } from '../../../../contract/common.ts'

export const REASONS: readonly FallbackReason[] = ['no_key', 'invalid', 'outage', 'rate_limited', 'exhausted']

export function allows(policy: FallbackPolicy, reason: FallbackReason): boolean {
  return policy === 'allow' || (policy !== 'never' && policy.includes(reason))
}

/** All on is `allow`, so that a reason which comes later is on too; all off is `never`. */
export function withReason(policy: FallbackPolicy, reason: FallbackReason, on: boolean): FallbackPolicy {
  const chosen = REASONS.filter((one) => (one === reason ? on : allows(policy, one)))
  if (chosen.length === REASONS.length) return 'allow'
  return chosen.length === 0 ? 'never' : chosen
}
