import { describe, expect, test } from 'vitest'
import { compareRanges, summarise, summariseRatios } from './statistics.ts'

describe('figures of several rounds', () => {
  test('the median is the middle one, or between the two in the middle', () => {
    expect(summarise([5, 1, 9])).toEqual({ median: 5, least: 1, most: 9 })
    expect(summarise([4, 1, 10, 2]).median).toBe(3)
  })

  test('ratios are those of the same round, not of the medians', () => {
    const drifting = [10, 20, 40]
    expect(summariseRatios([20, 40, 80], drifting)).toEqual({ median: 2, least: 2, most: 2 })
  })

  test('ranges that touch give no verdict', () => {
    const range = (least: number, most: number) => ({ median: least, least, most })
    expect(compareRanges(range(3, 4), range(1, 2))).toBe('costs more')
    expect(compareRanges(range(1, 2), range(3, 4))).toBe('costs less')
    expect(compareRanges(range(1, 3), range(3, 4))).toBe('no verdict')
  })
})
