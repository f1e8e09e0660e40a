import { describe, expect, test } from 'vitest'
import { SCENARIOS } from '../scenarios.ts'
import { GOALS, judgeStage, measureFlatness, measureGoal } from './goals.ts'
import { groupRuns, type KeptResult } from './kept.ts'

const base = {
  unit: 'request',
  date: '2026-11-23T00:00:00.000Z',
  commit: 'abc',
  machine: { node: '26.10.0', cores: 2, model: 'X', loadBefore: 0 },
}
const costs = (id: string, figures: readonly number[]) => ({
  id,
  rounds: figures.map((microsecondsPerUnit) => ({ microsecondsPerUnit })),
})
const json: KeptResult = {
  ...base,
  scenario: 'json',
  targets: [costs('nginx', [10, 10, 20]), costs('uniroute', [60, 70, 120]), costs('portkey', [600, 700, 1200])],
}

describe('goals', () => {
  test('are judged by ratios of the same round, stage by stage', () => {
    const runs = groupRuns([json, json, json]).get('json')!
    const [nginx, portkey] = GOALS.filter(({ scenario }) => scenario === 'json')
    const ratio = measureGoal(nginx!, runs)
    expect(ratio).toEqual({ median: 6, least: 6, most: 7 })
    expect(nginx!.stages.map((limit) => judgeStage(limit!, ratio))).toEqual(['reached', 'missed'])
    expect(measureGoal(portkey!, runs)?.median).toBeCloseTo(0.1)
  })

  test('what was not measured is neither reached nor missed', () => {
    expect(judgeStage(7, measureGoal(GOALS[0]!, undefined))).toBe('not measured')
    const alone = groupRuns([{ ...json, targets: json.targets!.slice(1) }]).get('json')
    expect(measureGoal(GOALS[0]!, alone)).toBeNull()
  })

  test('name what the benchmark measures', () => {
    const others = ['idle-streams', 'latency-json', 'cold-start', 'rest']
    const names = GOALS.map(({ scenario }) => scenario)
    expect(names.filter((name) => !SCENARIOS.has(name) && !others.includes(name))).toEqual([])
  })

  test('a curve is as flat as its worst point', () => {
    const curve = (figures: readonly number[][]): KeptResult => ({
      ...base,
      scenario: 'curve-users',
      lines: [{ id: 'uniroute', points: figures.map((rounds, place) => ({ at: 10 ** place, rounds })) }],
    })
    const runs = groupRuns([
      curve([
        [10, 20],
        [13, 26],
        [11, 22],
      ]),
    ]).get('curve-users')!
    expect(measureFlatness({ what: '', scenario: 'curve-users' }, runs)).toEqual({
      at: 10,
      ratio: { median: 1.3, least: 1.3, most: 1.3 },
    })
    expect(measureFlatness({ what: '', scenario: 'curve-users' }, undefined)).toBeNull()
    // Cheaper than at first, and yet it grows.
    const late = groupRuns([curve([[30], [2], [4]])]).get('curve-users')!
    expect(measureFlatness({ what: '', scenario: 'curve-users' }, late)?.ratio.median).toBe(2)
    // Ten times the body for eleven times the cost, from the second point on.
    const body = groupRuns([curve([[10], [20], [220]])]).get('curve-users')!
    expect(measureFlatness({ what: '', scenario: 'curve-users', perAmountFrom: 10 }, body)?.ratio.median).toBeCloseTo(
      1.1,
    )
  })
})
