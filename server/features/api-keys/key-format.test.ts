import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { composeApiKey, digestApiKey, generateApiKey, isWellFormedApiKey } from './key-format.ts'

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('the text of an API key', () => {
  test('every key has the form ur_ and 49 base-62 characters, and passes its own checksum', () => {
    fc.assert(
      fc.property(bytes, (random) => {
        const key = composeApiKey(random)
        expect(key).toMatch(/^ur_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$/)
        expect(isWellFormedApiKey(key)).toBe(true)
      }),
    )
    expect(isWellFormedApiKey(composeApiKey(new Uint8Array(32).fill(255)))).toBe(true)
  })

  test('the form is fixed: this key was composed once and must stay valid', () => {
    const key = composeApiKey(Uint8Array.from({ length: 32 }, (_, i) => i))
    expect(key).toBe('ur_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2sWTQ4')
    expect(digestApiKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })

  test('different bytes give different keys', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => (composeApiKey(a) === composeApiKey(b)) === (Buffer.compare(a, b) === 0)),
    )
    expect(new Set(Array.from({ length: 1000 }, generateApiKey)).size).toBe(1000)
  })

  test('any single changed character is noticed', () => {
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    fc.assert(
      fc.property(bytes, fc.integer({ min: 3, max: 51 }), fc.integer({ min: 0, max: 61 }), (random, at, to) => {
        const key = composeApiKey(random)
        fc.pre(key[at] !== alphabet[to])
        expect(isWellFormedApiKey(key.slice(0, at) + alphabet[to] + key.slice(at + 1))).toBe(false)
      }),
    )
  })

  test('no other text is taken for a key', () => {
    const key = generateApiKey()
    for (const text of [
      '',
      'ur_',
      key + 'a',
      key.slice(0, -1),
      ` ${key}`,
      `${key}\n`,
      key.toUpperCase(),
      `x${key.slice(1)}`,
      "ur_' OR 1=1 --",
    ])
      expect(isWellFormedApiKey(text)).toBe(text === key)
    fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => !isWellFormedApiKey(text)))
  })
})
