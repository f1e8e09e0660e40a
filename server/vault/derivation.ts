// Keys derived from a master secret. One secret gives many keys, each for one purpose, so that learning or misusing one
// says nothing about the others; `root` itself is an AES key in the seed's old format only.
import { createHash, hkdfSync } from 'node:crypto'
import { revealSecret, type Secret } from '../kernel/secret.ts'

const NO_SALT = new Uint8Array(0)

function derive(root: Uint8Array, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', root, NO_SALT, purpose, bytes))
}

/** The seed's derivation, unchanged: a fast hash, so the secret's own entropy is all the protection there is. */
export function deriveRoot(secret: Secret): Buffer {
  return createHash('sha256').update(revealSecret(secret), 'utf8').digest()
}

export function deriveKek(root: Uint8Array): Buffer {
  return derive(root, 'uniroute/provider-key/kek/v1', 32)
}

/** The public name of a master secret: 16 hex digits that reveal nothing about it. */
export function deriveKid(root: Uint8Array): string {
  return derive(root, 'uniroute/provider-key/kid/v1', 8).toString('hex')
}

/**
 * The HS256 key of session tokens. HMAC hashes an over-long key by itself, so an underived JWT_SECRET would be the very
 * AES key of the seed's fallback; this one differs from every AES key for any secret.
 */
export function deriveJwtKey(jwtSecret: Secret): Buffer {
  return derive(deriveRoot(jwtSecret), 'uniroute/jwt/hs256/v1', 32)
}
