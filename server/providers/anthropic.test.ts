import { expect, test } from 'vitest'
import { anthropic } from './anthropic.ts'

test.each([
  ['2026-10-21', 'authorization'],
  ['2027-01-01', 'authorization'],
  ['2026-10-20', 'x-api-key'],
  ['2023-06-01', 'x-api-key'],
  ['latest', 'x-api-key'],
  ['2026-10-21x', 'x-api-key'],
  ['99999', 'x-api-key'],
  [undefined, 'x-api-key'],
])('with version %s the key travels in %s', (version, name) => {
  expect(anthropic.authHeader({ 'anthropic-version': version }).name).toBe(name)
})
