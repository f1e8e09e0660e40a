// The secret of an authenticator app, sealed with a key of its own from JWT_SECRET and bound to its user. Where that
// changed it cannot be opened: then recovery codes still work, or an administrator takes the second factor away.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
const [NONCE_BYTES, TAG_BYTES] = [12, 16]

export interface FactorSecrets {
  seal(secret: Uint8Array, userId: string): string
  /** null where it was sealed with another key, or for another user. */
  open(sealed: string, userId: string): Uint8Array | null
}

export function createFactorSecrets(key: Uint8Array): FactorSecrets {
  const ownKey = Buffer.from(hkdfSync('sha256', key, '', 'uniroute second factor', 32))
  return {
    seal(secret, userId) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, ownKey, nonce).setAAD(Buffer.from(userId))
      const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
      return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url')
    },
    open(sealed, userId) {
      const bytes = Buffer.from(sealed, 'base64url')
      const decipher = createDecipheriv(ALGORITHM, ownKey, bytes.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(userId))
        .setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
      } catch (error) {
        // What Node throws where the tag does not fit.
        if (error instanceof Error && error.message.includes('authenticate data')) return null
        throw error
      }
    },
  }
}
