// What was opened or derived does not stay in memory: every buffer that held a value or a key is zeroed once it served.
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Secret } from '../kernel/secret.ts'
import { openBytes, sealBytes } from './aes.ts'
import { openValue, rewrapValue, sealValue } from './cipher.ts'
import { deriveRoot } from './derivation.ts'
import { computeFingerprint } from './fingerprint.ts'
import { createKeyring } from './keyring.ts'
import { createLocalKeyWrapper } from './key-wrapper.ts'
import { openSeedValue } from './seed-format.ts'
import { RECORD } from './testing.ts'
import { createVault } from './vault.ts'

const MASTER = new Secret('one-master-secret-b7c1e2f4a9d04c53')
const VALUE = 'sk-value-of-somebody'

/** What stood in buffers before they were filled with zeros, in hex. */
let wiped: string[]
beforeEach(() => {
  wiped = []
  const fill = Buffer.prototype.fill
  vi.spyOn(Buffer.prototype, 'fill').mockImplementation(function (this: Buffer, ...words: Parameters<typeof fill>) {
    if (words[0] === 0) wiped.push(this.toString('hex'))
    return fill.apply(this, words)
  } as typeof fill)
})
afterEach(() => vi.restoreAllMocks())

const hex = (text: string): string => Buffer.from(text).toString('hex')
const DEK = Buffer.alloc(32, 0xd1)
/** Data keys that can be recognised; nonces of another length. */
const random = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(bytes === 32 ? 0xd1 : 0x0e)
const keyring = createKeyring(MASTER, [], random)
const wrapper = keyring.find(keyring.configuredKid)!
const seal = (): string => sealValue(wrapper, RECORD, Buffer.from(VALUE), random)

describe('zeroed', () => {
  test('the data key, after sealing, opening and wrapping anew', () => {
    const sealed = seal()
    expect(wiped).toEqual([DEK.toString('hex')])
    openValue(keyring, RECORD, sealed, wrapper.kid)
    expect(wiped).toEqual(Array.from({ length: 2 }, () => DEK.toString('hex')))
    rewrapValue(keyring, wrapper, RECORD, sealed, wrapper.kid)
    expect(wiped).toEqual(Array.from({ length: 3 }, () => DEK.toString('hex')))
  })

  test('the value, after the vault sealed and opened it', () => {
    const vault = createVault({
      keyring,
      fingerprintKey: Buffer.alloc(32, 7),
      chooseSealingKid: () => keyring.configuredKid,
      countWrap: () => 0,
    })
    const { sealed, kid } = vault.seal(RECORD, new Secret(VALUE))
    expect(wiped).toContain(hex(VALUE))
    wiped = []
    vault.open(RECORD, sealed, kid)
    expect(wiped).toContain(hex(VALUE))
  })

  test('what a failed check laid bare', () => {
    const sealed = sealBytes(DEK, Buffer.from(VALUE), Buffer.of(), random)
    expect(openBytes(DEK, sealed, Buffer.of(1))).toBeUndefined()
    expect(wiped).toEqual([hex(VALUE)])
  })

  test('the root of a master secret, once its keys are derived', () => {
    createLocalKeyWrapper(MASTER)
    expect(wiped).toEqual([deriveRoot(MASTER).toString('hex')])
  })

  test('the bytes a fingerprint is made of', () => {
    computeFingerprint(Buffer.alloc(32, 7), RECORD, new Secret(VALUE))
    expect(wiped).toEqual([expect.stringContaining(hex(VALUE))])
  })

  test('root and value of the seed’s form', () => {
    const root = createHash('sha256').update('one-master-secret-b7c1e2f4a9d04c53').digest()
    const stored = sealBytes(root, Buffer.from(VALUE), Buffer.of(), random).toString('base64')
    openSeedValue([MASTER], stored, 'r')
    expect(wiped).toEqual([root.toString('hex'), hex(VALUE)])
  })
})
