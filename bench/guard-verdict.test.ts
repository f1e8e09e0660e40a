import { describe as suite, expect, test } from 'vitest'
import { describe, isFailure, judge, type StoredRatios } from './guard-verdict.ts'

const stored: StoredRatios = {
  date: '2026-11-23T00:00:00.000Z',
  commit: 'abc1234',
  machine: {},
  ratios: { json: { nginx: 4, 'node-proxy': 1.6 } },
}
const look = (ratio: number, reference = 'nginx') => ({ id: 'json', reference, ratio })

suite('the guard', () => {
  test('a quarter more is noise, anything above is dearer', () => {
    expect(judge(stored, look(4))).toBe('kept')
    expect(judge(stored, look(5))).toBe('kept')
    expect(judge(stored, look(5.01))).toBe('dearer')
    expect(judge(stored, look(3.21))).toBe('kept')
    expect(judge(stored, look(3.19))).toBe('cheaper')
  })

  test('a ratio is compared with one to the same reference only', () => {
    expect(judge(stored, look(2.1, 'node-proxy'))).toBe('dearer')
    expect(judge(stored, look(1.9, 'node-proxy'))).toBe('kept')
    expect(judge(stored, look(1, 'null-proxy'))).toBe('nothing stored')
  })

  test('fails only for what is dearer twice in a row', () => {
    expect(isFailure(stored, look(9), look(9))).toBe(true)
    expect(isFailure(stored, look(9), look(4.9))).toBe(false)
    expect(isFailure(stored, look(9), null)).toBe(false)
    expect(isFailure(stored, look(4), look(9))).toBe(false)
  })

  test('cannot pass where there is nothing to compare with', () => {
    expect(isFailure(stored, { ...look(1), id: 'paced' }, null)).toBe(true)
    expect(isFailure(null, look(1), look(1))).toBe(true)
  })

  test('says what got worse, and by how much', () => {
    expect(describe(stored, look(6))).toBe('json: 6.00 × nginx, stored 4.00, +50 %: DEARER')
    expect(describe(stored, look(4.2))).toBe('json: 4.20 × nginx, stored 4.00, +5 %')
    expect(describe(stored, look(2))).toBe('json: 2.00 × nginx, stored 4.00, -50 %: cheaper, --update keeps that')
    expect(describe(null, look(2))).toBe('json: 2.00 × nginx; nothing is stored to compare with')
  })
})
