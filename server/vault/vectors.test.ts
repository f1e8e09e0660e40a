// X1: the published vectors seal and open exactly, here and in a second language.
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import vectors from '../../test/fixtures/vault/vectors.json' with { type: 'json' }
import { revealSecret, Secret } from '../kernel/secret.ts'
import type { RandomSource } from './aes.ts'
import { openValue, sealValue } from './cipher.ts'
import { deriveKek, deriveKid, deriveRoot } from './derivation.ts'
import { createKeyring } from './keyring.ts'
import { bindData, bindWrap, type SealedRecord } from './record.ts'
import { openSeedValue } from './seed-format.ts'

interface VectorRecord {
  owner_type: string
  owner_id: string
  provider: string
  origin: string
  record_id: string
  key_version: string
}

const secret = new Secret(vectors.secret)
const PYTHON_SCRIPT = new URL('../../test/fixtures/vault/check_vectors.py', import.meta.url).pathname
const hasPython = spawnSync('python3', ['-c', 'import cryptography']).status === 0

function toRecord(record: VectorRecord): SealedRecord {
  return {
    ownerType: record.owner_type as SealedRecord['ownerType'],
    ownerId: record.owner_id,
    provider: record.provider,
    origin: record.origin,
    recordId: record.record_id,
    keyVersion: Number(record.key_version),
  }
}

function spell(text: string): Buffer {
  const [byte, count] = text.split('*') as [string, string]
  return Buffer.alloc(Number(count), Number.parseInt(byte, 16))
}

/** Random bytes in the order a seal asks for them. */
function replay(...values: Buffer[]): RandomSource {
  return () => values.shift()!
}

describe('the derivations', () => {
  test('root, master key and its public name are those of the vectors', () => {
    const root = deriveRoot(secret)
    expect(root.toString('hex')).toBe(vectors.root_hex)
    expect(deriveKek(root).toString('hex')).toBe(vectors.kek_hex)
    expect(deriveKid(root)).toBe(vectors.kid)
  })
})

for (const [name, vector] of [
  ['a built-in provider', vectors],
  ['a team key with an origin', vectors.custom],
] as const) {
  describe(name, () => {
    const record = toRecord(vector.record)

    test('binds the fields of the vector', () => {
      expect(bindWrap(vectors.kid, record).toString('hex')).toBe(vector.aad_wrap_hex)
      expect(bindData(record).toString('hex')).toBe(vector.aad_data_hex)
    })

    test('seals to the text of the vector', () => {
      const random = replay(spell(vector.dek), spell(vector.nonce_data), spell(vector.nonce_wrap))
      const wrapper = createKeyring(secret, [], random).find(vectors.kid)!
      expect(sealValue(wrapper, record, Buffer.from(vectors.plaintext), random)).toBe(vector.ur1)
    })

    test('opens to the plaintext of the vector', () => {
      expect(openValue(createKeyring(secret, []), record, vector.ur1, vectors.kid).toString()).toBe(vectors.plaintext)
    })
  })
}

test("the seed's value has one spelling", () => {
  const secrets = [new Secret(vectors.secret)]
  for (const text of [`${vectors.seed_v0} `, `-${vectors.seed_v0}`, vectors.seed_v0.replace(/=+$/, '') + '!']) {
    const damaged = expect.objectContaining({ code: 'ciphertext_corrupt', recordId: 'row' })
    expect(() => openSeedValue(secrets, text, 'row')).toThrow(damaged)
  }
})

test("the seed's value opens for the import, whichever of the secrets it was", () => {
  const others = [new Secret('another-secret-0123456789'), secret]
  expect(revealSecret(openSeedValue(others, vectors.seed_v0, 'row'))).toBe(vectors.plaintext)
  expect(() => openSeedValue(others.slice(0, 1), vectors.seed_v0, 'row')).toThrow(
    expect.objectContaining({ code: 'kek_unknown' }),
  )
})

test.skipIf(!hasPython)('a second implementation agrees (python3 with cryptography)', () => {
  const record = { ...toRecord(vectors.record), provider: 'anthropic', keyVersion: 12 }
  const keyring = createKeyring(secret, [])
  const plaintext = 'sk-sealed-by-the-program'
  const sealed = sealValue(keyring.find(vectors.kid)!, record, Buffer.from(plaintext), (bytes) =>
    crypto.getRandomValues(new Uint8Array(bytes)),
  )
  const input = {
    sealed,
    secret: vectors.secret,
    record: { ...vectors.record, provider: 'anthropic', key_version: '12' },
    plaintext,
  }
  const run = spawnSync('python3', [PYTHON_SCRIPT], { input: JSON.stringify(input), encoding: 'utf8' })
  expect(run.stderr).toBe('')
  expect(run.stdout).toMatch(/^ok 1[0-9]\n$/)
})
