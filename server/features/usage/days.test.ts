// Days in time zones, against what the zone itself says of each moment.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dayAt, listDays, startOfDay } from './days.ts'

const HOUR = 3_600_000
const at = (text: string): number => Date.parse(text)

function hours(timeZone: string, from: string, to: string): [string, number][] {
  return listDays(timeZone, at(from), at(to)).map(({ day, start, end }) => [day, (end - start) / HOUR])
}

describe('days', () => {
  test('are 24 hours from midnight in UTC', () => {
    expect(listDays('UTC', at('2026-02-27T12:00:00Z'), at('2026-03-01T00:00:00.001Z'))).toEqual([
      { day: '2026-02-27', start: at('2026-02-27T00:00:00Z'), end: at('2026-02-28T00:00:00Z') },
      { day: '2026-02-28', start: at('2026-02-28T00:00:00Z'), end: at('2026-03-01T00:00:00Z') },
      { day: '2026-03-01', start: at('2026-03-01T00:00:00Z'), end: at('2026-03-02T00:00:00Z') },
    ])
  })

  test('end before a range that ends at midnight', () => {
    expect(hours('UTC', '2026-02-27T00:00:00Z', '2026-02-28T00:00:00Z')).toEqual([['2026-02-27', 24]])
  })

  test('have 23 and 25 hours where clocks change', () => {
    expect(hours('Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z').map(([, length]) => length)).toEqual([
      24, 23, 24,
    ])
    expect(hours('America/New_York', '2026-10-31T12:00:00Z', '2026-11-02T12:00:00Z')).toEqual([
      ['2026-10-31', 24],
      ['2026-11-01', 25],
      ['2026-11-02', 24],
    ])
    expect(
      hours('Australia/Lord_Howe', '2026-04-04T12:00:00Z', '2026-04-05T12:00:00Z').map(([, length]) => length),
    ).toContain(24.5)
  })

  test('begin at one o’clock where midnight was skipped', () => {
    expect(startOfDay('America/Sao_Paulo', '2018-11-04')).toBe(at('2018-11-04T03:00:00Z'))
    expect(hours('America/Sao_Paulo', '2018-11-03T12:00:00Z', '2018-11-04T12:00:00Z')).toEqual([
      ['2018-11-03', 24],
      ['2018-11-04', 23],
    ])
  })

  test('leave out one that never was', () => {
    expect(hours('Pacific/Apia', '2011-12-29T12:00:00Z', '2011-12-31T12:00:00Z').map(([day]) => day)).toEqual([
      '2011-12-29',
      '2011-12-31',
      '2012-01-01',
    ])
  })

  test('hold every moment of any range exactly once, whatever the zone', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'America/Sao_Paulo',
      'Australia/Lord_Howe',
      'Asia/Kolkata',
      'Africa/Cairo',
      'Pacific/Apia',
      'Asia/Beirut',
      'Pacific/Kiritimati',
      'Africa/Casablanca',
    ]
    const moment = fc.integer({ min: at('2011-11-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') })
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        moment,
        fc.integer({ min: 1, max: 60 * 24 * HOUR }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
        (zone, from, length, fractions) => {
          const to = from + length
          const days = listDays(zone, from, to)
          expect(days[0]!.start).toBeLessThanOrEqual(from)
          expect(days.at(-1)!.end).toBeGreaterThanOrEqual(to)
          days.slice(1).forEach((day, i) => expect(day.start).toBe(days[i]!.end))
          for (const fraction of fractions) {
            const moment = Math.min(to - 1, Math.floor(from + fraction * length))
            const holding = days.filter((day) => moment >= day.start && moment < day.end)
            expect(holding.map(({ day }) => day)).toEqual([dayAt(zone, moment)])
          }
        },
      ),
    )
  })
})
