import { describe, expect, test } from 'vitest'
import { groupRuns, listFigures, mergeRatios, mergeRuns, type KeptResult } from './kept.ts'

const machine = { node: '26.10.0', cores: 2, model: 'X', loadBefore: 0 }
const result = (cost: number, more: Partial<KeptResult> = {}): KeptResult => ({
  scenario: 'json',
  unit: 'request',
  date: '2026-11-23T00:00:00.000Z',
  commit: 'abc',
  machine,
  targets: [{ id: 'uniroute', rounds: [{ cost }, { cost: cost + 2 }, { cost: cost + 1 }] }],
  ...more,
})

describe('several runs', () => {
  test('say the median of their medians, and the least and the most of all rounds', () => {
    expect(
      mergeRuns([
        [1, 2, 9],
        [4, 5, 6],
        [3, 3, 30],
      ]),
    ).toEqual({ median: 3, least: 1, most: 30 })
  })

  test('ratios are of the same round of the same run', () => {
    const ratios = mergeRatios(
      [
        [2, 20],
        [30, 3],
      ],
      [
        [1, 10],
        [10, 1],
      ],
    )
    expect(ratios).toEqual({ median: 2.5, least: 2, most: 3 })
  })

  test('a run that lacks the target leaves no figure rather than fewer runs', () => {
    expect(mergeRuns([[1], null])).toBeNull()
    expect(mergeRatios([[1], [1]], [[1], null])).toBeNull()
    expect(mergeRuns([])).toBeNull()
  })

  test('only the three newest count, of one commit on one machine', () => {
    const runs = groupRuns([
      result(1),
      result(2),
      result(99, { commit: 'other' }),
      result(3),
      result(98, { machine: { ...machine, cores: 64 } }),
      result(4),
    ]).get('json')!
    expect(listFigures(runs, 'uniroute', 'cost').map((figures) => figures?.[0])).toEqual([2, 3, 4])
    expect(listFigures(runs, 'portkey', 'cost')).toEqual([null, null, null])
  })
})
