import { expect, test } from 'vitest'
import { LONGEST_REMEMBERED_NAME, LowerCaseNames } from './lower-case-names.ts'

test('names are put into lower case, remembered or not', () => {
  const names = new LowerCaseNames()
  const long = 'X'.repeat(LONGEST_REMEMBERED_NAME + 1)
  expect(names.add('Content-Type')).toBe('content-type')
  expect(names.find('Content-Type')).toBe('content-type')
  expect(names.find('CONTENT-TYPE')).toBeUndefined()
  expect(names.add(long)).toBe(long.toLowerCase())
  expect(names.find(long)).toBeUndefined()
})

test('however many are made up, those that came first stay and no more than 512 are remembered', () => {
  const names = new LowerCaseNames()
  const made = Array.from({ length: 2_000 }, (_, at) => `X-${at}`)
  for (const name of made) expect(names.add(name)).toBe(name.toLowerCase())
  expect(made.filter((name) => names.find(name) !== undefined)).toEqual(made.slice(0, 512))
})
