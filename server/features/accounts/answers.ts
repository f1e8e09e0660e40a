// What of a user and a session leaves in answers, named field by field; rows themselves are never sent.
import type { ControlReply } from '../../http/route.ts'
import { parseStoredFallback } from '../../kernel/fallback.ts'
import { toPublicId } from '../../kernel/ids.ts'
import { describeLimits } from '../../kernel/limits.ts'
import { writeRefreshCookie } from './refresh-cookie.ts'
import type { SessionRow } from './session-store.ts'
import type { SignedIn } from './sessions.ts'
import type { UserRow } from './user-store.ts'

export function describeUser(user: UserRow): object {
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    is_active: user.is_active,
    has_password: user.password_hash !== null,
    fallback: parseStoredFallback(user.fallback),
    ...describeLimits(user),
    last_login_at: user.last_login_at === null ? null : toTimestamp(user.last_login_at),
    created_at: toTimestamp(user.created_at),
    updated_at: toTimestamp(user.updated_at),
  }
}

export function describeSession(row: SessionRow, currentId: string | null): object {
  return {
    id: toPublicId('sess', row.id),
    current: row.id === currentId,
    user_agent: row.user_agent,
    ip: row.ip,
    created_at: toTimestamp(row.created_at),
    last_used_at: toTimestamp(row.last_used_at),
    expires_at: toTimestamp(row.expires_at),
  }
}

/** The access token in the body, the refresh token in the cookie. */
export function replySignedIn(
  status: number,
  signedIn: SignedIn,
  request: { secure: boolean; now: number },
): ControlReply {
  const maxAge = (signedIn.refreshExpiresAt - request.now) / 1000
  return {
    status,
    body: {
      token: signedIn.token,
      expires_at: toTimestamp(signedIn.tokenExpiresAt),
      user: describeUser(signedIn.user),
      ...(signedIn.lacksFactor && { must_add_second_factor: true }),
    },
    headers: { 'set-cookie': writeRefreshCookie(signedIn.refreshToken, request.secure, maxAge) },
  }
}

export function toTimestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
