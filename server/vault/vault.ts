// The vault as the slices use it: seal a user's key, open it for one attempt, recognise it again.
// Which master key seals is asked anew each time, since instances move to a new one together; every wrap is counted,
// because random nonces allow 2³² uses of one key.
import { revealSecret, Secret } from '../kernel/secret.ts'
import { type RandomSource, systemRandom } from './aes.ts'
import { openValue, sealValue } from './cipher.ts'
import { computeFingerprint } from './fingerprint.ts'
import type { Keyring } from './keyring.ts'
import type { SealedRecord } from './record.ts'
import { VaultError, type VaultErrorCode } from './vault-error.ts'

export interface Vault {
  /** The kid that seals at this moment. */
  readonly sealingKid: string
  seal(record: SealedRecord, value: Secret): { readonly sealed: string; readonly kid: string }
  /** Throws VaultError. The result is for one attempt: pass it on, never keep it. */
  open(record: SealedRecord, sealed: string, kid: string): Secret
  fingerprint(owner: Pick<SealedRecord, 'ownerType' | 'ownerId' | 'provider'>, value: Secret): string
}

const MAX_WRAPS = 2 ** 32

export function createVault(options: {
  keyring: Keyring
  fingerprintKey: Uint8Array
  /** The kid to seal under now; it must be in the ring. */
  chooseSealingKid: () => string
  /** Adds one use of a kid and answers how many there were before, as far as this instance knows. */
  countWrap: (kid: string) => number
  /** Told `ok`, or why a value did not open. */
  countOpen?: (result: 'ok' | VaultErrorCode) => void
  random?: RandomSource
}): Vault {
  const { keyring, fingerprintKey, chooseSealingKid, countWrap, countOpen, random = systemRandom } = options
  return {
    get sealingKid() {
      return chooseSealingKid()
    },
    seal(record, value) {
      const kid = chooseSealingKid()
      const wrapper = keyring.find(kid)
      if (wrapper === undefined) throw new VaultError('kek_unknown', record.recordId)
      if (countWrap(kid) >= MAX_WRAPS) throw new VaultError('kek_exhausted', record.recordId)
      const plain = Buffer.from(revealSecret(value), 'utf8')
      const sealed = sealValue(wrapper, record, plain, random)
      plain.fill(0)
      return { sealed, kid }
    },
    open(record, sealed, kid) {
      try {
        const plain = openValue(keyring, record, sealed, kid)
        const value = new Secret(plain.toString('utf8'))
        plain.fill(0)
        countOpen?.('ok')
        return value
      } catch (error) {
        if (error instanceof VaultError) countOpen?.(error.code)
        throw error
      }
    },
    fingerprint: (owner, value) => computeFingerprint(fingerprintKey, owner, value),
  }
}
