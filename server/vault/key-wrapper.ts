// Who holds a master key: wraps and unwraps data keys for it. The local one holds the key in this process; a KMS
// answers later, hence the promises in the general form. `unwrap` answers undefined for a wrap that is not this key's.
import { openBytes, type RandomSource, sealBytes, systemRandom } from './aes.ts'
import { deriveKek, deriveKid, deriveRoot } from './derivation.ts'
import { bindWrap, joinLengthPrefixed, type WrapContext } from './record.ts'
import type { Secret } from '../kernel/secret.ts'

export interface KeyWrapper {
  readonly kid: string
  readonly backend: 'local' | 'aws-kms' | 'gcp-kms' | 'vault-transit'
  wrap(dek: Uint8Array, context: WrapContext): Promise<Buffer> | Buffer
  unwrap(blob: Uint8Array, context: WrapContext): Promise<Buffer | undefined> | Buffer | undefined
}

export interface LocalKeyWrapper extends KeyWrapper {
  readonly backend: 'local'
  wrap(dek: Uint8Array, context: WrapContext): Buffer
  unwrap(blob: Uint8Array, context: WrapContext): Buffer | undefined
  /** A public text that proves later, to whoever has the same secret, that it is the same. */
  createCheck(): string
  verifyCheck(check: string): boolean
}

const CHECK_TEXT = Buffer.from('uniroute key check v1', 'utf8')
const DEK_BYTES = 32

export function createLocalKeyWrapper(secret: Secret, random: RandomSource = systemRandom): LocalKeyWrapper {
  const root = deriveRoot(secret)
  const kek = deriveKek(root)
  const kid = deriveKid(root)
  const boundCheck = joinLengthPrefixed('UR1-CHECK', kid)
  root.fill(0)
  return {
    kid,
    backend: 'local',
    wrap: (dek, context) => sealBytes(kek, dek, bindWrap(kid, context), random),
    unwrap(blob, context) {
      const dek = openBytes(kek, blob, bindWrap(kid, context))
      return dek?.length === DEK_BYTES ? dek : undefined
    },
    createCheck: () => sealBytes(kek, CHECK_TEXT, boundCheck, random).toString('base64url'),
    verifyCheck(check) {
      const bytes = Buffer.from(check, 'base64url')
      return bytes.toString('base64url') === check && openBytes(kek, bytes, boundCheck)?.equals(CHECK_TEXT) === true
    },
  }
}
