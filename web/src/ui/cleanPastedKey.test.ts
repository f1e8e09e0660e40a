// What people paste round a key comes off, and nothing of the key does.
import { expect, test } from 'vitest'
import { cleanPastedKey } from './cleanPastedKey.ts'

test.each([
  ['sk-proj-abc', 'sk-proj-abc', []],
  ['  sk-proj-abc\n', 'sk-proj-abc', ['spaces']],
  ['OPENAI_API_KEY=sk-proj-abc', 'sk-proj-abc', ['name']],
  ['export OPENAI_API_KEY="sk-proj-abc"', 'sk-proj-abc', ['name', 'quotes']],
  ['Authorization: Bearer sk-proj-abc', 'sk-proj-abc', ['name', 'bearer']],
  ["'sk-proj-abc'", 'sk-proj-abc', ['quotes']],
  // Base64 ends in =, and is no name.
  ['abc+/123==', 'abc+/123==', []],
])('%s', (pasted, key, cleaned) => {
  const result = cleanPastedKey(pasted)
  expect(result.key).toBe(key)
  expect(result.cleaned.toSorted()).toEqual(cleaned.toSorted())
})
