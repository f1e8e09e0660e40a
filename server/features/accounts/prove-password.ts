// The password again, before something that matters. A wrong one is noted, and guessing is slowed down.
import { GatewayError } from '../../kernel/errors.ts'
import type { AccountsContext } from './context.ts'
import type { UserRow } from './user-store.ts'

/** Throws `invalid_credentials` where it is wrong. */
export type ProvePassword = (caller: { userId: string; ip: string }, password: string) => Promise<UserRow>

export function createPasswordProof({ audit, users, passwords, throttle }: AccountsContext): ProvePassword {
  return async ({ userId, ip }, password) => {
    throttle.countPasswordConfirmation(userId)
    const user = await users.findById(userId)
    if (!user) throw new GatewayError('session_expired')
    if (!(await passwords.verify(password, user.password_hash))) {
      const entry = { action: 'user.password-refused', targetType: 'user', targetId: userId, details: {} }
      await audit.record({ actorType: 'user', actorId: userId, ip, ...entry })
      // Not 401: the session itself is fine, and a client would throw it away.
      throw new GatewayError('invalid_credentials', { status: 403, message: 'The current password is wrong.' })
    }
    throttle.settlePasswordConfirmation(userId)
    return user
  }
}
