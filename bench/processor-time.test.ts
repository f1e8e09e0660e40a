import { describe, expect, test } from 'vitest'
import { parseStat, sumTicks } from './processor-time.ts'

describe('processor time', () => {
  test('a name with brackets and spaces moves no field', () => {
    const line = '77 (a (b) c) S 12 77 12 0 -1 4194304 103 0 0 0 100 20 3 4 20 0 1 0 447538 2998272 413'
    expect(parseStat(line)).toEqual({ parent: 12, user: 103, system: 24 })
  })

  test('counts everything below the process and nothing beside it', () => {
    const all = new Map([
      [1, { parent: 0, user: 1000, system: 1 }],
      [10, { parent: 1, user: 5, system: 2 }],
      [11, { parent: 10, user: 7, system: 0 }],
      [12, { parent: 11, user: 11, system: 40 }],
      [20, { parent: 1, user: 500, system: 600 }],
    ])
    expect(sumTicks(all, 10)).toEqual({ user: 23, system: 42 })
  })
})
