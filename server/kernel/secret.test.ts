// No way of printing a secret prints it; one call reads it.
import { format, inspect } from 'node:util'
import { expect, test } from 'vitest'
import { revealSecret, Secret } from './secret.ts'

const secret = new Secret('sk-quite-secret')

test.each([
  ['String()', String(secret), '[redacted]'],
  ['toString', secret.toString(), '[redacted]'],
  ['a template', `${secret}`, '[redacted]'],
  ['JSON', JSON.stringify({ secret }), '{"secret":"[redacted]"}'],
  ['inspect', inspect(secret), '[redacted]'],
  [
    'inspect from within',
    inspect({ deep: [secret] }, { showHidden: true, depth: null }),
    '{ deep: [ [redacted], [length]: 1 ] }',
  ],
  ['a format', format('%s %o', secret, secret), '[redacted] [redacted]'],
  ['a sum', (secret as unknown as string) + '', '[redacted]'],
  ['its properties', JSON.stringify(Object.entries(secret)), '[]'],
])('%s shows nothing', (_how, shown, wanted) => {
  expect(shown).toBe(wanted)
})

test('as a number it is none', () => {
  expect(Number(secret)).toBeNaN()
})

test('revealSecret reads it', () => {
  expect(revealSecret(secret)).toBe('sk-quite-secret')
  expect(revealSecret(new Secret(''))).toBe('')
})
