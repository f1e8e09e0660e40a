// What is stored or handed out depends on these very texts and bytes: changed, nothing of old would open any more.
import { createHash, createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Secret } from '../kernel/secret.ts'
import { openBytes } from './aes.ts'
import { deriveJwtKey, deriveKek, deriveRoot } from './derivation.ts'
import { computeFingerprint, FINGERPRINT_RECORD } from './fingerprint.ts'
import { createLocalKeyWrapper } from './key-wrapper.ts'
import { joinLengthPrefixed } from './record.ts'
import { VaultError } from './vault-error.ts'

const TEXT = 'one-master-secret-é-04c53'
const SECRET = new Secret(TEXT)
const root = createHash('sha256').update(Buffer.from(TEXT, 'utf8')).digest()

test('the key of session tokens is derived for that purpose', () => {
  const wanted = Buffer.from(hkdfSync('sha256', root, new Uint8Array(0), 'uniroute/jwt/hs256/v1', 32))
  expect(deriveJwtKey(SECRET).equals(wanted)).toBe(true)
})

test('the check value is the agreed text under the key that wraps, bound to its kid', () => {
  const wrapper = createLocalKeyWrapper(SECRET)
  const bound = joinLengthPrefixed('UR1-CHECK', wrapper.kid)
  const plain = openBytes(deriveKek(deriveRoot(SECRET)), Buffer.from(wrapper.createCheck(), 'base64url'), bound)
  expect(plain?.toString()).toBe('uniroute key check v1')
  expect(wrapper.backend).toBe('local')
})

test('a fingerprint is the beginning of an HMAC over owner, provider and value', () => {
  const key = Buffer.alloc(32, 7)
  const bound = joinLengthPrefixed('UR1-FP', 'user', 'a', 'openai', 'sk-1')
  const wanted = createHmac('sha256', key).update(bound).digest('hex').slice(0, 32)
  expect(computeFingerprint(key, { ownerType: 'user', ownerId: 'a', provider: 'openai' }, new Secret('sk-1'))).toBe(
    wanted,
  )
})

test('the fingerprint key is sealed for its own record', () => {
  expect(FINGERPRINT_RECORD).toEqual({
    ownerType: 'system',
    ownerId: 'fingerprint',
    provider: 'system',
    origin: '',
    recordId: 'fingerprint',
    keyVersion: 1,
  })
})

test('a wrap of anything but 32 bytes holds no data key', () => {
  const wrapper = createLocalKeyWrapper(SECRET)
  const context = { ownerType: 'user', ownerId: 'a', recordId: 'r' } as const
  for (const length of [31, 33])
    expect(wrapper.unwrap(wrapper.wrap(Buffer.alloc(length), context), context)).toBeUndefined()
  expect(wrapper.unwrap(wrapper.wrap(Buffer.alloc(32, 4), context), context)).toEqual(Buffer.alloc(32, 4))
})

describe('an error of the vault', () => {
  test.each([
    ['kek_unknown', 'record r is sealed under a secret this instance does not have'],
    ['ciphertext_corrupt', 'record r is damaged or belongs to another record'],
    ['kek_exhausted', 'record r cannot be sealed: the master secret has to be rotated first'],
  ] as const)('%s says why, and of which record', (code, message) => {
    expect(new VaultError(code, 'r')).toMatchObject({ name: 'VaultError', code, recordId: 'r', message })
  })
})
