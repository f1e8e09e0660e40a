// The seed's stored form, read by the import alone: base64 of nonce, ciphertext and tag, AES-256-GCM directly under the
// root, bound to nothing. It names no key, so each secret is tried. Never accepted in our own table.
import { Secret } from '../kernel/secret.ts'
import { openBytes } from './aes.ts'
import { deriveRoot } from './derivation.ts'
import { VaultError } from './vault-error.ts'

const NOTHING_BOUND = new Uint8Array(0)

export function openSeedValue(secrets: readonly Secret[], stored: string, recordId: string): Secret {
  const bytes = Buffer.from(stored, 'base64')
  if (bytes.toString('base64') !== stored) throw new VaultError('ciphertext_corrupt', recordId)
  for (const secret of secrets) {
    const root = deriveRoot(secret)
    const plain = openBytes(root, bytes, NOTHING_BOUND)
    root.fill(0)
    if (plain === undefined) continue
    const value = new Secret(plain.toString('utf8'))
    plain.fill(0)
    return value
  }
  throw new VaultError('kek_unknown', recordId)
}
