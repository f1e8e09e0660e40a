// Random secrets pass, whatever their spelling; what people make up does not.
import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import vectors from '../../test/fixtures/vault/vectors.json' with { type: 'json' }
import { estimateBits, judgeSecret } from './secret-policy.ts'

const RUNS = Number(process.env['SECRET_RUNS'] ?? 3_000)
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
// Bytes from the system: fast-check's own are biased towards zeros and repeats, which are just what is weak.
const bytes = (least: number) => fc.integer({ min: least, max: 96 }).map((length) => randomBytes(length))

describe('a random secret is good', () => {
  test.each([
    ['hex of 16 bytes or more', bytes(16).map((value) => value.toString('hex'))],
    ['upper-case hex', bytes(16).map((value) => value.toString('hex').toUpperCase())],
    ['base64', bytes(24).map((value) => value.toString('base64'))],
    ['base64url', bytes(24).map((value) => value.toString('base64url'))],
    ['base62', bytes(32).map((value) => [...value].map((byte) => BASE62[byte % 62]).join(''))],
    [
      'printable ASCII',
      bytes(32).map((value) => [...value].map((byte) => String.fromCharCode(33 + (byte % 94))).join('')),
    ],
  ])('as %s', (_name, secrets) => {
    fc.assert(
      fc.property(secrets, (text) => {
        const { verdict, reasons } = judgeSecret(text)
        if (verdict !== 'good') throw new Error(`${text}: ${reasons.join('; ')} (${estimateBits(text)} bits)`)
      }),
      { numRuns: RUNS },
    )
  })

  test('as eight words of a long list', () => {
    expect(judgeSecret('tundra-velvet-quorum-glacier-nimble-ostrich-pewter-saffron-lantern').verdict).toBe('good')
  })
})

describe('what people make up is weak', () => {
  test.each([
    ['the example of the seed', 'your-strong-random-encryption-key-here-min-32-chars'],
    ['the same with other marks and case', 'Your_Strong_Random_8f3a91bc77e04d21_Secret_xyz9'],
    ['the secret of our vectors', vectors.secret],
    ['a template', 'change-me-8f3a91bc77e04d21a0b1c2d3e4f5a6b7'],
    ['one character', 'a'.repeat(64)],
    ['two characters', 'ab'.repeat(40)],
    ['seven characters', 'a9f3k7z'.repeat(9)],
    ['eight characters repeated', 'a9F3k7zQ'.repeat(8)],
    ['sixteen characters repeated', '4f9ac01be37d5826'.repeat(4)],
    ['a sequence', 'abcdefghijklmnopqrstuvwxyz0123456789'],
    ['a sequence downwards', 'zyxwvutsrqponmlkjihgfedcba9876543210'],
    ['keyboard rows', 'qwertyuiopasdfghjklzxcvbnm1234567890'],
    ['a sentence', 'this is the secret of my little server'],
    ['a name with a year', 'mycompany-production-encryption-2026'],
    ['words run together', 'thisisthemastersecretofthecompany'],
    ['capitalised words', 'MyVerySecretMasterKeyForTheServer1'],
    ['spaces', ' '.repeat(40)],
  ])('%s', (_name, text) => {
    const { verdict, reasons } = judgeSecret(text)
    expect({ text, verdict, bits: verdict === 'weak' ? 0 : estimateBits(text) }).toEqual({
      text,
      verdict: 'weak',
      bits: 0,
    })
    expect(reasons.length).toBeGreaterThan(0)
    for (const reason of reasons) expect(reason).not.toContain(text)
  })

  test('a secret that is also JWT_SECRET', () => {
    const text = randomBytes(32).toString('hex')
    expect(judgeSecret(text).verdict).toBe('good')
    expect(judgeSecret(text, { unlike: text })).toEqual({ verdict: 'weak', reasons: ['it is the same as JWT_SECRET'] })
  })
})

describe('length', () => {
  test('31 characters are too short, 32 are not', () => {
    const text = randomBytes(32).toString('hex').slice(0, 32)
    expect(judgeSecret(text.slice(0, 31)).verdict).toBe('too_short')
    expect(judgeSecret(text).verdict).toBe('good')
    expect(judgeSecret('').verdict).toBe('too_short')
  })

  test('characters are counted, not code units', () => {
    expect(judgeSecret('🔑'.repeat(31)).verdict).toBe('too_short')
  })

  test('any text gets a verdict, and the longest quickly', () => {
    fc.assert(fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (text) => void judgeSecret(text)))
    expect(judgeSecret('a'.repeat(100_000)).verdict).toBe('weak')
  })
})
