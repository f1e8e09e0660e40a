// How often a signed-in user may call the management addresses, whatever number of sessions they have. Far above what
// people and their scripts need: it keeps one account from taking the database for itself.
// Only the class `control` is paced here. Sign-in is paced by the accounts, which alone know the account that is tried
// and how it ended; open addresses cost next to nothing and serve balancers, who ask often.
import type { AdmitControl } from '../../http/control.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createBuckets, paceOf } from './gcra.ts'

const MINUTE_MS = 60_000
const CONTROL_PACE = paceOf(1_200, MINUTE_MS)

/** What the HTTP server asks before a management route is served; throws `too_many_attempts` with Retry-After. */
export function createControlPace({ clock }: { clock: Clock }): AdmitControl {
  const buckets = createBuckets({ clock })
  return (route, { ip, principal }) => {
    if (route.rateClass !== 'control') return
    const caller = principal ? principal.userId : ip
    const wait = buckets.wait(CONTROL_PACE, caller)
    if (wait > 0) {
      throw new GatewayError('too_many_attempts', {
        message: `Too many requests: ${CONTROL_PACE.burst} a minute are served to one user. Wait, then go on more slowly.`,
        retryAfter: Math.ceil(wait / 1000),
      })
    }
    buckets.count(CONTROL_PACE, caller)
  }
}
