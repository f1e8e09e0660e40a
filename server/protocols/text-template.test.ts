// A prepared text says what the object would have said.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../test/support/properties.ts'
import { createTextTemplate } from './text-template.ts'

const anyText = fc.string({ unit: fc.constantFrom('a', 'b', '"', '\\', '\n', '\u2028', '\ud800', 'é', '😀', '{', '}') })

describe('createTextTemplate', () => {
  test('writes what was there to write, whatever stands around the text', () => {
    fc.assert(
      fc.property(anyText, fc.jsonValue(), anyText, (text, around, name) => {
        const write = (said: string): string =>
          `data: ${JSON.stringify({ [name]: around, said: [{ said }], name })}\n\n`
        expect(createTextTemplate(write)(text)).toBe(write(text))
      }),
      RUNS,
    )
  })

  test.each<[string, (text: string) => string]>([
    ['stands there twice', (text) => JSON.stringify([text, text])],
    ['is part of a longer one', (text) => JSON.stringify([`${text}!`])],
    ['is changed', (text) => JSON.stringify([text.toUpperCase()])],
    ['is left out', () => '[]'],
    ['decides what else is said', (text) => JSON.stringify(text === 'a' ? [text] : [text, 1])],
  ])('a text that %s is written as before', (_how, write) => {
    for (const text of ['a', 'b', 'c"d', '']) expect(createTextTemplate(write)(text)).toBe(write(text))
  })
})
