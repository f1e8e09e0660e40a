// Recognising the same secret again without keeping a hash anyone could test guesses against: an HMAC under a random
// key that is itself sealed. Equal keys of two owners look different.
import { createHmac } from 'node:crypto'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import { joinLengthPrefixed, type SealedRecord } from './record.ts'

export const FINGERPRINT_KEY_BYTES = 32
const FINGERPRINT_BYTES = 16

/** What the fingerprint key itself is sealed as, in the installation's own secrets. */
export const FINGERPRINT_RECORD: SealedRecord = {
  ownerType: 'system',
  ownerId: 'fingerprint',
  provider: 'system',
  origin: '',
  recordId: 'fingerprint',
  keyVersion: 1,
}

/** 32 hex digits; the first eight are shown to the owner. */
export function computeFingerprint(
  fingerprintKey: Uint8Array,
  owner: Pick<SealedRecord, 'ownerType' | 'ownerId' | 'provider'>,
  value: Secret,
): string {
  const bound = joinLengthPrefixed('UR1-FP', owner.ownerType, owner.ownerId, owner.provider, revealSecret(value))
  const digest = createHmac('sha256', fingerprintKey).update(bound).digest()
  bound.fill(0)
  return digest.subarray(0, FINGERPRINT_BYTES).toString('hex')
}
