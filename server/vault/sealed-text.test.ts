// The text form takes exactly what was written, to the last character.
import { describe, expect, test } from 'vitest'
import { formatSealed, isKid, parseSealed } from './sealed-text.ts'

const KID = '0123456789abcdef'
const sealedWith = (wrapped: number, data: number, kid = KID): string =>
  formatSealed({ kid, wrapped: Buffer.alloc(wrapped, 1), data: Buffer.alloc(data, 2) })

describe('a sealed text', () => {
  test('is read as it was written, from the shortest to the longest value', () => {
    for (const data of [29, 30, 4_124]) {
      expect(parseSealed(sealedWith(60, data))).toEqual({
        kid: KID,
        wrapped: Buffer.alloc(60, 1),
        data: Buffer.alloc(data, 2),
      })
    }
  })

  test.each([
    ['a wrap that is too short', sealedWith(59, 40)],
    ['a wrap that is too long', sealedWith(61, 40)],
    ['no wrap', sealedWith(0, 40)],
    ['a value shorter than one byte sealed', sealedWith(60, 28)],
    ['no value', sealedWith(60, 0)],
    ['a value longer than the longest', sealedWith(60, 4_125)],
    ['a wrap that is no base64url', sealedWith(60, 40).replace(/\.AQEB/, '.A+EB')],
    ['a value that is no base64url', `${sealedWith(60, 40).slice(0, -1)}=`],
    ['a value of whole groups whose first character is none', sealedWith(60, 30).replace(/\.AgIC(?=[^.]*$)/, '.+gIC')],
    ['a value of whole groups whose last character is none', `${sealedWith(60, 30).slice(0, -1)}/`],
    ['a kid with something before it', sealedWith(60, 40, `0${KID}`)],
    ['a kid with something behind it', sealedWith(60, 40, `${KID}0`)],
    ['a fifth part', `${sealedWith(60, 40)}.`],
    ['three parts', sealedWith(60, 40).split('.').slice(0, 3).join('.')],
    ['another format', sealedWith(60, 40).replace('ur1', 'ur2')],
  ])('with %s is none', (_what, text) => {
    expect(parseSealed(text)).toBeUndefined()
  })
})

test('a kid is 16 small hex digits and nothing else', () => {
  expect(isKid(KID)).toBe(true)
  for (const wrong of ['', `x${KID}`, `${KID}x`, KID.toUpperCase(), KID.slice(1), `${KID}\n`])
    expect(isKid(wrong)).toBe(false)
})
