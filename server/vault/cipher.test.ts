// X2–X7, X11–X13: what must not open does not, what is sealed twice differs, and a new master key touches only the
// wrap.
import fc from 'fast-check'
import { createCipheriv, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import vectors from '../../test/fixtures/vault/vectors.json' with { type: 'json' }
import { Secret } from '../kernel/secret.ts'
import { openBytes, type RandomSource, sealBytes, systemRandom } from './aes.ts'
import { openValue, rewrapValue, sealValue } from './cipher.ts'
import { createKeyring } from './keyring.ts'
import { bindData, type SealedRecord } from './record.ts'
import { formatSealed, parseSealed } from './sealed-text.ts'
import { RECORD } from './testing.ts'

const PLAIN = 'sk-test-canary-abcdefghijklmnopqrstuvwxyz'
const one = new Secret('one-master-secret-b7c1e2f4a9d04c53')
const two = new Secret('two-master-secret-04e5b6a7c8d9f1e2')
const keyring = createKeyring(one, [two])
const kid = keyring.configuredKid
const otherKid = keyring.kids[1]!

function seal(record: SealedRecord = RECORD, plain: string = PLAIN, random: RandomSource = systemRandom): string {
  return sealValue(keyring.find(kid)!, record, Buffer.from(plain), random)
}

function open(sealed: string, record: SealedRecord = RECORD, column: string = kid): string {
  return openValue(keyring, record, sealed, column).toString()
}

/** The error code of opening, or `opened`. */
function outcome(sealed: string, record: SealedRecord = RECORD, column: string = kid): string {
  try {
    open(sealed, record, column)
    return 'opened'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

describe('damage', () => {
  test('each one-bit flip of the text fails', () => {
    const sealed = Buffer.from(seal(), 'latin1')
    const opened: number[] = []
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Buffer.from(sealed)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const text = flipped.toString('latin1')
      // The column is the attacker's too: it follows the text.
      if (outcome(text, RECORD, text.slice(4, 20)) === 'opened') opened.push(bit)
    }
    expect(opened).toEqual([])
  })

  test('each one-bit flip of the bytes fails', () => {
    const { wrapped, data } = parseSealed(seal())!
    for (const part of [wrapped, data]) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        part[bit >> 3]! ^= 1 << (bit & 7)
        expect(outcome(formatSealed({ kid, wrapped, data }))).toBe('ciphertext_corrupt')
        part[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
    expect(outcome(formatSealed({ kid, wrapped, data }))).toBe('opened')
  })

  test('each truncation fails, at either end', () => {
    const sealed = seal()
    for (let length = 0; length < sealed.length; length++) {
      expect(outcome(sealed.slice(0, length))).toBe('ciphertext_corrupt')
      expect(outcome(sealed.slice(sealed.length - length))).toBe('ciphertext_corrupt')
    }
  })

  test('an error names the record and nothing else', () => {
    const sealed = seal()
    try {
      open(sealed, { ...RECORD, provider: 'anthropic' })
      expect.unreachable()
    } catch (error) {
      expect(Object.keys(error as object).toSorted()).toEqual(['code', 'name', 'recordId'])
      expect((error as Error).message).toBe(`record ${RECORD.recordId} is damaged or belongs to another record`)
      expect((error as Error).cause).toBeUndefined()
    }
  })

  test('arbitrary text gives one of our errors', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^ur1\.[0-9a-f]{16}\.[\w-]{78,82}\.[\w-]{37,60}$/)),
        (text) => {
          expect(outcome(text, RECORD, text.slice(4, 20))).toMatch(/^(ciphertext_corrupt|kek_unknown)$/)
        },
      ),
    )
  })
})

describe('strict parsing', () => {
  test('one value has one spelling', () => {
    const sealed = seal(RECORD, 'x'.repeat(30))
    const last = sealed.at(-1)!
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const accepted = [...alphabet].filter((letter) => outcome(sealed.slice(0, -1) + letter) === 'opened')
    expect(accepted).toEqual([last])
    for (const changed of [
      `${sealed}=`,
      ` ${sealed}`,
      `${sealed}\n`,
      `${sealed}.`,
      sealed.replaceAll('_', '/').replaceAll('-', '+') + '/',
    ]) {
      expect(outcome(changed)).toBe('ciphertext_corrupt')
    }
  })

  test('the column beside the text has to name the same key', () => {
    expect(outcome(seal(), RECORD, otherKid)).toBe('ciphertext_corrupt')
  })

  test('values of 1 to 4096 bytes are sealed, no others', () => {
    expect(open(seal(RECORD, 'k'))).toBe('k')
    const longest = 'k'.repeat(4096)
    expect(open(seal(RECORD, longest))).toBe(longest)
    expect(() => seal(RECORD, '')).toThrow(new RangeError('a sealed value has 1 to 4096 bytes'))
    expect(() => seal(RECORD, 'k'.repeat(4097))).toThrow(RangeError)
  })

  test("the seed's format is refused in our own table, under its own secret", () => {
    const ring = createKeyring(new Secret(vectors.secret), [])
    for (const text of [vectors.seed_v0, `ur1.${vectors.seed_v0}`, `v0.${vectors.kid}.${vectors.seed_v0}`]) {
      expect(() => openValue(ring, RECORD, text, vectors.kid)).toThrow(
        expect.objectContaining({ code: 'ciphertext_corrupt' }),
      )
    }
  })
})

describe('binding', () => {
  const field = fc.string({ maxLength: 40 })
  const records = fc.record({
    ownerType: fc.constantFrom('user' as const, 'system' as const, 'team' as const),
    ownerId: field,
    provider: field,
    origin: field,
    recordId: field,
    keyVersion: fc.integer({ min: 1, max: 1_000_000 }),
  })

  test('each changed field fails', () => {
    const changes: Partial<SealedRecord>[] = [
      { ownerType: 'team' },
      { ownerId: '3f0c6b1e-8f5e-4c59-9d5e-2f7a1c0b9a12' },
      { provider: 'anthropic' },
      { origin: 'https://elsewhere.example' },
      { recordId: '01J8ZC4Q6T9V2X5B7N0M3K1H4H' },
      { keyVersion: 4 },
    ]
    const sealed = seal()
    for (const change of changes) expect(outcome(sealed, { ...RECORD, ...change })).toBe('ciphertext_corrupt')
  })

  test('a value opens for exactly the record it was sealed for', () => {
    fc.assert(
      fc.property(records, records, (written, read) => {
        const sealed = seal(written)
        expect(open(sealed, written)).toBe(PLAIN)
        const same = Object.keys(written).every(
          (key) => written[key as keyof SealedRecord] === read[key as keyof SealedRecord],
        )
        expect(outcome(sealed, read)).toBe(same ? 'opened' : 'ciphertext_corrupt')
      }),
    )
  })

  test('no text can move between neighbouring fields', () => {
    const sealed = seal({ ...RECORD, provider: 'open', origin: 'ai' })
    expect(outcome(sealed, { ...RECORD, provider: 'openai', origin: '' })).toBe('ciphertext_corrupt')
  })

  test("data under another record's wrap fails", () => {
    const other = { ...RECORD, recordId: '01J8ZC4Q6T9V2X5B7N0M3K1H4H' }
    const mine = parseSealed(seal())!
    const theirs = parseSealed(seal(other))!
    expect(outcome(formatSealed({ kid, wrapped: theirs.wrapped, data: mine.data }))).toBe('ciphertext_corrupt')
    expect(outcome(formatSealed({ kid, wrapped: mine.wrapped, data: theirs.data }), other)).toBe('ciphertext_corrupt')
    expect(outcome(formatSealed({ kid, wrapped: theirs.wrapped, data: mine.data }), other)).toBe('ciphertext_corrupt')
  })

  test('a forged kid fails though both secrets are in the ring', () => {
    const parts = parseSealed(seal())!
    expect(outcome(formatSealed({ ...parts, kid: otherKid }), RECORD, otherKid)).toBe('ciphertext_corrupt')
  })

  test('a kid outside the ring is unknown, not corrupt', () => {
    const parts = parseSealed(seal())!
    expect(outcome(formatSealed({ ...parts, kid: '0123456789abcdef' }), RECORD, '0123456789abcdef')).toBe('kek_unknown')
  })
})

describe('randomness', () => {
  // 100 000 with VAULT_SEALS=100000; a few thousand show the same fault.
  const seals = Number(process.env['VAULT_SEALS'] ?? 3_000)

  test(`${seals} seals of one value all differ, and no nonce or data key repeats`, () => {
    const drawn = new Set<string>()
    let draws = 0
    const recording: RandomSource = (bytes) => {
      const value = randomBytes(bytes)
      draws++
      drawn.add(value.toString('hex'))
      return value
    }
    const wrapper = createKeyring(one, [], recording).find(kid)!
    const texts = new Set<string>()
    for (let i = 0; i < seals; i++) texts.add(sealValue(wrapper, RECORD, Buffer.from(PLAIN), recording))
    expect(texts.size).toBe(seals)
    expect(draws).toBe(3 * seals)
    expect(drawn.size).toBe(draws)
  })
})

describe('a new master key', () => {
  test('keeps the data part and opens with the new secret only', () => {
    const sealed = seal()
    const moved = rewrapValue(keyring, keyring.find(otherKid)!, RECORD, sealed, kid)
    expect(parseSealed(moved)!.data.equals(parseSealed(sealed)!.data)).toBe(true)
    expect(parseSealed(moved)!.wrapped.equals(parseSealed(sealed)!.wrapped)).toBe(false)
    expect(open(moved, RECORD, otherKid)).toBe(PLAIN)
    expect(openValue(createKeyring(two, []), RECORD, moved, otherKid).toString()).toBe(PLAIN)
    expect(() => openValue(createKeyring(one, []), RECORD, moved, otherKid)).toThrow(
      expect.objectContaining({ code: 'kek_unknown' }),
    )
  })

  // Rewrapping leaves the data part as it lies, so only the wrapped part can show damage.
  const damageWrapped = (text: string): string => {
    const [format, kidText, wrapped = '', data] = text.split('.')
    const changed = (wrapped.startsWith('A') ? 'B' : 'A') + wrapped.slice(1)
    return [format, kidText, changed, data].join('.')
  }

  test('cannot be given to a damaged or foreign value', () => {
    const sealed = seal()
    const target = keyring.find(otherKid)!
    for (const [text, context] of [
      [damageWrapped(sealed), RECORD],
      [sealed, { ...RECORD, ownerId: 'someone-else' }],
    ] as const) {
      expect(() => rewrapValue(keyring, target, context, text, kid)).toThrow(
        expect.objectContaining({ code: 'ciphertext_corrupt' }),
      )
    }
  })
})

describe('the tag', () => {
  test('of 4 to 15 bytes is refused', () => {
    const key = randomBytes(32)
    const nonce = randomBytes(12)
    for (const authTagLength of [4, 8, 12, 13, 14, 15]) {
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength })
      cipher.setAAD(bindData(RECORD))
      const body = Buffer.concat([cipher.update(PLAIN.slice(0, 20)), cipher.final()])
      expect(openBytes(key, Buffer.concat([nonce, body, cipher.getAuthTag()]), bindData(RECORD))).toBeUndefined()
    }
    expect(
      openBytes(key, sealBytes(key, Buffer.from('x'), bindData(RECORD), systemRandom), bindData(RECORD)),
    ).toBeDefined()
  })

  test('is not optional: less than nonce and tag opens nothing', () => {
    expect(openBytes(randomBytes(32), randomBytes(27), bindData(RECORD))).toBeUndefined()
    // Nothing, sealed, is 28 bytes.
    const key = randomBytes(32)
    expect(openBytes(key, sealBytes(key, Buffer.of(), Buffer.of(), systemRandom), Buffer.of())).toEqual(Buffer.of())
  })
})
