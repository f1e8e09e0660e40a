import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LONGEST_MATCH, matchesBytes } from './byte-search.ts'

const PATTERN = /"tool_(?:use|result)"|"content"\s*:\s*\[\s*\]/

test('a pattern is found wherever it lies, and not where it does not', () => {
  const mark = fc.oneof(
    fc.constantFrom('"tool_use"', '"tool_result"'),
    fc.nat({ max: LONGEST_MATCH - 20 }).map((blanks) => `"content":[${' '.repeat(blanks)}]`),
    fc.constantFrom('"tool_', '"content":[', '', '"tool_usé"'),
  )
  const filler = fc.nat({ max: 100_000 }).map((length) => 'x'.repeat(length))
  fc.assert(
    fc.property(filler, mark, filler, (before, found, after) => {
      const text = before + found + after
      expect(matchesBytes(Buffer.from(text), PATTERN)).toBe(PATTERN.test(text))
    }),
    { numRuns: 300 },
  )
})

test('bytes beyond ASCII stand in nobody’s way', () => {
  const text = `${'é€😀'.repeat(20_000)}"tool_use"${'é'.repeat(50_000)}`
  expect(matchesBytes(Buffer.from(text), PATTERN)).toBe(true)
  expect(matchesBytes(Buffer.from(text.replace('use', 'usé')), PATTERN)).toBe(false)
})
