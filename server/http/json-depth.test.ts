// Counting brackets agrees with what JSON.parse builds, at any split of the bytes.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkJsonDepth } from './json-depth.ts'

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

function split(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text)
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end))
}

describe('JSON depth', () => {
  test('passes at the true depth and refuses one below it, wherever the bytes are cut', () => {
    const tricky = fc.string({ unit: fc.constantFrom('"', '\\', '[', '{', '}', ']', 'a', 'é') })
    const value = fc.jsonValue({ maxDepth: 6 }).chain((json) => fc.record({ json: fc.constant(json), tricky }))
    fc.assert(
      fc.property(value, fc.array(fc.nat(), { maxLength: 8 }), fc.boolean(), (value, cuts, pretty) => {
        const text = JSON.stringify({ [value.tricky]: value.tricky, value: value.json }, null, pretty ? 1 : 0)
        const depth = depthOf(JSON.parse(text))
        expect(() => checkJsonDepth(split(text, cuts), depth)).not.toThrow()
        expect(() => checkJsonDepth(split(text, cuts), depth - 1)).toThrow(/nests deeper/)
      }),
      { numRuns: 1000 },
    )
  })

  test('128 levels pass, 129 do not, whatever stands around them', () => {
    const nested = (levels: number): Buffer[] => [Buffer.from('['.repeat(levels) + ']'.repeat(levels))]
    expect(() => checkJsonDepth(nested(128))).not.toThrow()
    expect(() => checkJsonDepth(nested(129))).toThrow(/128 levels/)
    expect(() => checkJsonDepth([Buffer.from('['.repeat(1_000_000))])).toThrow(/128 levels/)
  })
})
