import { describe, expect, test } from 'vitest'
import { parseStat, sumTicks } from './processor-time.ts'

describe('processor time', () => {
  test('a name with brackets and spaces moves no field', () => {
    const line = '77 (a (b) c) S 12 77 12 0 -1 4194304 103 0 0 0 100 20 3 4 20 0 1 0 447538 2998272 413'
    expect(parseStat(line)).toEqual({ parent: 12, ticks: 127 })
  })

  test('counts everything below the process and nothing beside it', () => {
    const all = new Map([
      [1, { parent: 0, ticks: 1000 }],
      [10, { parent: 1, ticks: 5 }],
      [11, { parent: 10, ticks: 7 }],
      [12, { parent: 11, ticks: 11 }],
      [20, { parent: 1, ticks: 500 }],
    ])
    expect(sumTicks(all, 10)).toBe(23)
  })
})
