// AES-256-GCM as the vault uses it: nonce ‖ ciphertext ‖ tag in one piece, random 12-byte nonce, tag of 16 bytes
// always. Opening answers undefined instead of throwing, so that no error of the crypto library travels anywhere.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Fresh unpredictable bytes; handed in so that tests can record them and the vectors can be reproduced. */
export type RandomSource = (bytes: number) => Uint8Array

export const systemRandom: RandomSource = (bytes) => randomBytes(bytes)

export const NONCE_BYTES = 12
export const TAG_BYTES = 16

export function sealBytes(key: Uint8Array, plain: Uint8Array, bound: Uint8Array, random: RandomSource): Buffer {
  const nonce = random(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(bound)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

export function openBytes(key: Uint8Array, sealed: Uint8Array, bound: Uint8Array): Buffer | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
  const tagAt = sealed.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(bound)
  decipher.setAuthTag(sealed.subarray(tagAt))
  // The plaintext is there before the tag is checked: it must not survive a failed check.
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, tagAt))
  try {
    decipher.final()
    return plain
  } catch {
    plain.fill(0)
    return undefined
  }
}
