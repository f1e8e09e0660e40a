// The query that requests without one share stays empty.
import { expect, test } from 'vitest'
import { NO_QUERY } from './dispatch.ts'

test('the shared empty query refuses every change', () => {
  const changes = [
    () => NO_QUERY.append('key', 'x'),
    () => NO_QUERY.set('key', 'x'),
    () => NO_QUERY.delete('key'),
    () => NO_QUERY.sort(),
  ]
  for (const change of changes) expect(change).toThrow(TypeError)
  expect([...NO_QUERY]).toEqual([])
  expect(NO_QUERY.get('key')).toBe(null)
})
