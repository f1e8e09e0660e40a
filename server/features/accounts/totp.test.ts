// The codes of RFC 6238, its own examples, and what lies near in time.
import { expect, test } from 'vitest'
import { codeAt, findStep, toBase32, writeTotpUri } from './totp.ts'

/** Of the RFC's appendix B. */
const SECRET = Buffer.from('12345678901234567890')

test.each([
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
])('at second %i the code is %s', (seconds, code) => {
  expect(codeAt(SECRET, Math.floor(seconds / 30))).toBe(code)
  expect(findStep(SECRET, code, seconds * 1000)).toBe(Math.floor(seconds / 30))
})

test('a code of the step before and after is known as that of its own step; one further off is not', () => {
  const step = 40_000_000
  const now = step * 30_000 + 12_000
  expect([-2, -1, 0, 1, 2].map((distance) => findStep(SECRET, codeAt(SECRET, step + distance), now))).toEqual([
    null,
    step - 1,
    step,
    step + 1,
    null,
  ])
})

test('secrets are written in base 32, without padding, and as apps read them', () => {
  expect(toBase32(Buffer.from('foobar'))).toBe('MZXW6YTBOI')
  expect(toBase32(Buffer.from('foob'))).toBe('MZXW6YQ')
  expect(writeTotpUri(Buffer.from('foobar'), { issuer: 'UniRoute', email: 'a b@example.org' })).toBe(
    'otpauth://totp/UniRoute:a%20b%40example.org?secret=MZXW6YTBOI&issuer=UniRoute',
  )
})
