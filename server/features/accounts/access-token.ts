// Access tokens: short-lived JWTs that name a user, a session and the generation of the user's credentials.
// Invariants (RFC 8725): one algorithm, type, issuer and audience, none of them chosen by the token; `kid` and `jku`
// are not looked at; whether the session still stands is asked separately, on every request.
import { createSecretKey } from 'node:crypto'
import { decodeJwt, errors, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { isUlid, isUuid } from '../../kernel/ids.ts'

const ACCESS_TOKEN_SECONDS = 15 * 60
const LEEWAY_SECONDS = 60
const PARTY = 'uniroute'

export interface AccessClaims {
  readonly userId: string
  readonly sessionId: string
  /** The user's `auth_gen` when the token was made. */
  readonly generation: number
}

export interface AccessTokens {
  sign(claims: AccessClaims): Promise<{ token: string; expiresAt: number }>
  /** `evenIfOver`: a token that was let in before its end still says who let themselves in. */
  verify(token: string, options?: { evenIfOver?: boolean }): Promise<AccessClaims>
}

export function createAccessTokens(options: { key: Uint8Array; clock: Clock }): AccessTokens {
  const { clock } = options
  const key = createSecretKey(options.key)

  return {
    async sign({ userId, sessionId, generation }) {
      const issuedAt = Math.floor(clock.now() / 1000)
      const expiresAt = issuedAt + ACCESS_TOKEN_SECONDS
      const token = await new SignJWT({ sid: sessionId, gen: generation })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(userId)
        .setIssuer(PARTY)
        .setAudience(PARTY)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(key)
      return { token, expiresAt: expiresAt * 1000 }
    },
    async verify(token, { evenIfOver = false } = {}) {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['HS256'],
        typ: 'JWT',
        issuer: PARTY,
        audience: PARTY,
        requiredClaims: ['sub', 'exp', 'iat', 'sid', 'gen'],
        clockTolerance: LEEWAY_SECONDS,
        // A token cannot be older than its life, whatever `exp` it claims; also refuses one from the future.
        maxTokenAge: ACCESS_TOKEN_SECONDS,
        currentDate: new Date(evenIfOver ? issuedAt(token) : clock.now()),
      }).catch((error: unknown) => {
        if (error instanceof errors.JWTExpired) throw new GatewayError('session_expired', { cause: error })
        if (error instanceof errors.JOSEError) throw new GatewayError('unauthenticated', { cause: error })
        throw error
      })
      const { sub, sid, gen } = payload
      if (
        typeof sub !== 'string' ||
        typeof sid !== 'string' ||
        typeof gen !== 'number' ||
        !isUuid(sub) ||
        !isUlid(sid)
      ) {
        throw new GatewayError('unauthenticated')
      }
      return { userId: sub, sessionId: sid, generation: gen }
    },
  }
}

/** Epoch ms; said by the token, so only a date to hold its other claims against. */
function issuedAt(token: string): number {
  try {
    return (decodeJwt(token).iat ?? 0) * 1000
  } catch (error) {
    if (error instanceof errors.JOSEError) return 0
    throw error
  }
}
