// What is pasted is a key or is refused with a sentence, and a base URL has one spelling.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../../kernel/errors.ts'
import { revealSecret } from '../../kernel/secret.ts'
import { lastFour, readBaseUrl, readPastedKey } from './pasted-key.ts'

describe('a pasted key', () => {
  test.each([
    ['', 'Paste the key'],
    ['   ', 'Paste the key'],
    ['ur_2f7a1c0b9a11d4e5', 'That is a UniRoute key'],
    ['sk-ant-admin01-2f7a1c0b', 'admin key'],
    ['sk-one two', 'Copy the key again'],
    ['sk-one\ntwo', 'Copy the key again'],
    ['sk-schlüssel', 'Copy the key again'],
    ['k'.repeat(4097), 'longer than 4096'],
  ])('%j is refused with a sentence', (text, says) => {
    expect(() => readPastedKey(text)).toThrow(says)
  })

  test('of 1 to 4096 visible characters is taken, without the spaces around it', () => {
    const visible = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(visible, fc.constantFrom('', ' ', '\n', '\t '), (key, space) => {
        fc.pre(!/^(ur_|sk-admin-|sk-ant-admin)/.test(key))
        expect(revealSecret(readPastedKey(space + key + space))).toBe(key)
      }),
    )
    expect(revealSecret(readPastedKey('k'.repeat(4096)))).toHaveLength(4096)
  })

  test('shows its last four characters from 16 on', () => {
    expect([lastFour('123456789012345'), lastFour('1234567890123456')]).toEqual(['', '3456'])
  })
})

describe('a base URL', () => {
  test.each([
    'http://llm.example.test',
    'https://user@llm.example.test',
    'https://user:pass@llm.example.test/v1',
    'https://llm.example.test/v1#x',
    'https://llm.example.test/v1?key=1',
    'https://llm.example.test/v1?',
    'ftp://llm.example.test',
    'llm.example.test',
    'javascript:alert(1)',
    '',
  ])('%j is refused', (text) => {
    expect(() => readBaseUrl(text)).toThrow(GatewayError)
  })

  test('has one spelling', () => {
    expect(readBaseUrl(' https://LLM.example.test:443/v1// ')).toBe('https://llm.example.test/v1')
    expect(readBaseUrl('https://llm.example.test')).toBe('https://llm.example.test')
  })
})
