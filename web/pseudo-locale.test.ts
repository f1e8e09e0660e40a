import { expect, test } from 'vitest'
import { writePseudo } from './pseudo-locale.ts'

test('a text grows by two fifths, between brackets; what is filled in stays, in every form of a plural', () => {
  expect(writePseudo('One key | {count} keys')).toMatch(/^⟦Öñë kë.+⟧ \| ⟦\{count\} kë.+⟧$/)
  const text = 'Requests you send through UniRoute are paid with these keys.'
  expect(writePseudo(text).length).toBeGreaterThan(text.length * 1.35)
  expect(writePseudo(text).length).toBeLessThan(text.length * 1.5)
})
