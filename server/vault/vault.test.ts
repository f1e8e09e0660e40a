// The vault as slices see it, its check value and fingerprints, and what its secrets print (X14, X15).
import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { revealSecret, Secret } from '../kernel/secret.ts'
import { deriveJwtKey, deriveKek, deriveRoot } from './derivation.ts'
import { createKeyring } from './keyring.ts'
import { createLocalKeyWrapper } from './key-wrapper.ts'
import { RECORD } from './testing.ts'
import { createVault, type Vault } from './vault.ts'
import { VaultError } from './vault-error.ts'

const one = new Secret('one-master-secret-b7c1e2f4a9d04c53')
const two = new Secret('two-master-secret-04e5b6a7c8d9f1e2')

function vaultOf(wraps = 0, sealingKid?: string): { vault: Vault; used: Map<string, number>; kids: readonly string[] } {
  const keyring = createKeyring(one, [two])
  const used = new Map<string, number>()
  const vault = createVault({
    keyring,
    fingerprintKey: Buffer.alloc(32, 7),
    chooseSealingKid: () => sealingKid ?? keyring.configuredKid,
    countWrap(kid) {
      used.set(kid, (used.get(kid) ?? 0) + 1)
      return wraps
    },
  })
  return { vault, used, kids: keyring.kids }
}

describe('the vault', () => {
  test('seals under the chosen key, counts the use, and opens', () => {
    const { kids } = vaultOf()
    for (const kid of kids) {
      const { vault, used } = vaultOf(0, kid)
      const sealed = vault.seal(RECORD, new Secret('sk-value'))
      expect(sealed.kid).toBe(kid)
      expect([...used]).toEqual([[kid, 1]])
      expect(revealSecret(vault.open(RECORD, sealed.sealed, sealed.kid))).toBe('sk-value')
    }
  })

  test('refuses the use after 2³² of one key', () => {
    const value = new Secret('sk-value')
    expect(() => vaultOf(2 ** 32 - 1).vault.seal(RECORD, value)).not.toThrow()
    expect(() => vaultOf(2 ** 32).vault.seal(RECORD, value)).toThrow(expect.objectContaining({ code: 'kek_exhausted' }))
  })
})

describe('opening', () => {
  const opened: string[] = []
  const counting = (): Vault =>
    createVault({
      keyring: createKeyring(one, []),
      fingerprintKey: Buffer.alloc(32, 7),
      chooseSealingKid: () => createKeyring(one, []).configuredKid,
      countWrap: () => 0,
      countOpen: (result) => void opened.push(result),
    })

  test('is counted by how it ended', () => {
    const vault = counting()
    const { sealed, kid } = vault.seal(RECORD, new Secret('sk-value'))
    vault.open(RECORD, sealed, kid)
    expect(() => vault.open({ ...RECORD, ownerId: 'b' }, sealed, kid)).toThrow(VaultError)
    expect(() => vault.open(RECORD, sealed.replace(kid, '0'.repeat(16)), '0'.repeat(16))).toThrow(VaultError)
    // A mistake of ours is no result of opening.
    expect(() => vault.open({ ...RECORD, provider: 'x'.repeat(70_000) }, sealed, kid)).toThrow(RangeError)
    expect(opened).toEqual(['ok', 'ciphertext_corrupt', 'kek_unknown'])
  })

  test('fails in the same way where nobody counts', () => {
    const { vault } = vaultOf()
    const { sealed, kid } = vault.seal(RECORD, new Secret('sk-value'))
    expect(() => vault.open({ ...RECORD, ownerId: 'b' }, sealed, kid)).toThrow(VaultError)
  })
})

test('the kid that seals is told as it is chosen, and one that is not in the ring seals nothing', () => {
  const { vault, kids } = vaultOf(0, '0'.repeat(16))
  expect(vault.sealingKid).toBe('0'.repeat(16))
  expect(vaultOf(0, kids[1]).vault.sealingKid).toBe(kids[1])
  expect(() => vault.seal(RECORD, new Secret('x'))).toThrow(
    expect.objectContaining({ code: 'kek_unknown', recordId: RECORD.recordId }),
  )
})

describe('the check value', () => {
  test('is recognised by the same secret only, in its one spelling', () => {
    const check = createLocalKeyWrapper(one).createCheck()
    expect(createLocalKeyWrapper(one).verifyCheck(check)).toBe(true)
    expect(createLocalKeyWrapper(two).verifyCheck(check)).toBe(false)
    for (const wrong of ['', 'x', `${check}=`, `A${check.slice(1)}`, check.slice(0, -1)]) {
      if (wrong !== check) expect(createLocalKeyWrapper(one).verifyCheck(wrong)).toBe(false)
    }
  })
})

describe('the fingerprint', () => {
  const print = (ownerId: string, provider: string, value: string) =>
    vaultOf().vault.fingerprint({ ownerType: 'user', ownerId, provider }, new Secret(value))

  test('is the same for the same secret of one owner at one provider, and for nothing else', () => {
    const mine = print('a', 'openai', 'sk-1')
    expect(mine).toMatch(/^[0-9a-f]{32}$/)
    expect(print('a', 'openai', 'sk-1')).toBe(mine)
    for (const other of [print('b', 'openai', 'sk-1'), print('a', 'anthropic', 'sk-1'), print('a', 'openai', 'sk-2')]) {
      expect(other).not.toBe(mine)
    }
    expect(print('ab', 'openai', 'sk-1')).not.toBe(print('a', 'bopenai', 'sk-1'))
  })

  test('is not a hash that can be guessed at without its key', () => {
    expect(print('a', 'openai', 'sk-1')).not.toBe(createHash('sha256').update('sk-1').digest('hex').slice(0, 32))
  })
})

describe('a secret that was opened', () => {
  test('never prints', () => {
    const { vault } = vaultOf()
    const canary = 'sk-canary-7f3b9a'
    const sealed = vault.seal(RECORD, new Secret(canary))
    const value = vault.open(RECORD, sealed.sealed, sealed.kid)
    const shown = [
      `${value}`,
      JSON.stringify({ value }),
      inspect({ value }, { showHidden: true, depth: 9 }),
      new Error(`failed with ${value}`).message,
      inspect(new Error('failed', { cause: value })),
      JSON.stringify(Object.getOwnPropertyDescriptors(value)),
      String(value),
    ]
    for (const text of shown) expect(text).not.toContain(canary)
    expect(shown[0]).toBe('[redacted]')
  })
})

describe('the session-token key', () => {
  test('differs from every AES key, for secrets of 32 to 200 characters', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 32, maxLength: 200 }), (text) => {
        const secret = new Secret(text)
        const root = deriveRoot(secret)
        const aesKeys = [root, deriveKek(root), createHash('sha256').update(text).digest(), Buffer.from(text)]
        const jwtKey = deriveJwtKey(secret)
        expect(jwtKey).toHaveLength(32)
        for (const key of aesKeys) expect(jwtKey.equals(key)).toBe(false)
      }),
    )
  })
})
