// What the soak drill takes for growth: the line through all samples, not the first and the last.
import { expect, test } from 'vitest'
import { fitGrowth } from './soak.ts'

const sampled = (bytesAt: (at: number) => number) =>
  fitGrowth(Array.from({ length: 601 }, (_, at) => ({ at, bytes: bytesAt(at) })))

test('a leak is growth, however much the samples jump', () => {
  expect(sampled((at) => 1_000_000 + at * 100 + (at % 7) * 5_000).growth).toBeCloseTo(0.058, 2)
})

test('a saw-tooth and a single peak are none', () => {
  expect(Math.abs(sampled((at) => 1_000_000 + (at % 60) * 1_000).growth)).toBeLessThan(0.01)
  expect(Math.abs(sampled((at) => (at === 300 ? 2_000_000 : 1_000_000)).growth)).toBeLessThan(0.001)
})

test('what shrinks is told as that', () => {
  expect(sampled((at) => 1_000_000 - at * 100).growth).toBeLessThan(-0.05)
})
