// What only somebody who signed in a moment ago may do: whoever finds an open browser must not be able to.
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { Principal } from './route.ts'

const RECENT_MS = 600_000

/** Throws `reauthentication_required`. */
export function demandRecentSignIn({ authenticatedAt }: Principal, clock: Clock): void {
  if (authenticatedAt !== null && clock.now() - authenticatedAt < RECENT_MS) return
  throw new GatewayError('reauthentication_required')
}
