// What a sign-in at the provider has to come back to: it travels in a cookie of this browser, sealed, so that an answer
// counts in the browser that asked and in no other.
// Invariants: the cookie is SameSite=Lax, for the way back begins at the provider; it lives ten minutes.
import { hkdfSync } from 'node:crypto'
import { EncryptJWT, errors, jwtDecrypt } from 'jose'
import type { RequestHeaders } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'

export interface Attempt {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  /** Where the person wanted to go; the dashboard judges it. */
  readonly next: string
  /** Whose account the identity is to be linked to; null: signing in. */
  readonly linkTo: string | null
  /** The session whose owner proves once more who they are; null: another errand. */
  readonly proof: Proof | null
}

export interface Proof {
  readonly userId: string
  readonly sessionId: string
  /** Signing in at the provider counts from here on, in milliseconds. */
  readonly since: number
}

export interface Attempts {
  write(attempt: Attempt, secure: boolean): Promise<string>
  /** null: there is none, it is too old, or it is not ours. */
  read(headers: RequestHeaders, secure: boolean): Promise<Attempt | null>
  clear(secure: boolean): string
}

export const ATTEMPT_LIFETIME_MS = 600_000
const SECURE_NAME = '__Host-uniroute_oidc'
const PLAIN_NAME = 'uniroute_oidc'
const PURPOSE = 'oidc-attempt'

export function createAttempts(key: Uint8Array, clock: Clock): Attempts {
  const ownKey = new Uint8Array(hkdfSync('sha256', key, '', 'uniroute sign-in attempts', 32))

  function cookie(value: string, secure: boolean, seconds: number): string {
    const name = secure ? SECURE_NAME : PLAIN_NAME
    return `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  }

  return {
    async write(attempt, secure) {
      const now = clock.now()
      const sealed = await new EncryptJWT({ ...attempt })
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setAudience(PURPOSE)
        .setExpirationTime(new Date(now + ATTEMPT_LIFETIME_MS))
        .encrypt(ownKey)
      return cookie(sealed, secure, ATTEMPT_LIFETIME_MS / 1000)
    },
    async read(headers, secure) {
      const name = `${secure ? SECURE_NAME : PLAIN_NAME}=`
      const found = (headers['cookie'] ?? '').split(';').flatMap((pair) => {
        const text = pair.trim()
        return text.startsWith(name) ? [text.slice(name.length)] : []
      })
      if (found.length !== 1) return null
      try {
        const { payload } = await jwtDecrypt<{ [Field in keyof Attempt]: Attempt[Field] }>(found[0]!, ownKey, {
          audience: PURPOSE,
          currentDate: new Date(clock.now()),
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        })
        const { state, nonce, verifier, next, linkTo, proof } = payload
        return { state, nonce, verifier, next, linkTo, proof }
      } catch (error) {
        if (error instanceof errors.JOSEError) return null
        throw error
      }
    },
    clear: (secure) => cookie('', secure, 0),
  }
}
