import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLimits } from './limits.ts'

const NOON = Date.UTC(2026, 10, 22, 12)

function movableClock(start = NOON) {
  let wall = start
  let monotonic = 1000
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(ms: number) {
      wall += ms
      monotonic += ms
    },
    jump(ms: number) {
      wall += ms
    },
  }
}

describe('limits per API key', () => {
  test('a key without limits is always admitted and leaves nothing in memory', () => {
    const limits = createLimits({ clock: movableClock() })
    for (let i = 0; i < 100; i++) expect(limits.admit('k', { perMinute: null, perDay: null }).ok).toBe(true)
    expect(limits.size).toBe(0)
  })

  test('the request over the minute limit is refused with the wait that suffices', () => {
    const clock = movableClock()
    const limits = createLimits({ clock })
    for (let i = 0; i < 3; i++) expect(limits.admit('k', { perMinute: 3, perDay: null })).toEqual({ ok: true })
    expect(limits.admit('k', { perMinute: 3, perDay: null })).toEqual({
      ok: false,
      retryAfterSeconds: 20,
      scope: 'minute',
    })
    expect(limits.admit('other', { perMinute: 3, perDay: null })).toEqual({ ok: true })
    clock.advance(20_000)
    expect(limits.admit('k', { perMinute: 3, perDay: null })).toEqual({ ok: true })
  })

  test('Retry-After is sufficient, and one second less is not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.option(fc.integer({ min: 1, max: 50 }), { nil: null }),
        fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 0, max: 86_399_999 }),
        (perMinute, perDay, gaps, offset) => {
          const clock = movableClock(Date.UTC(2026, 10, 22) + offset)
          const limits = createLimits({ clock })
          for (const gap of gaps) {
            clock.advance(gap)
            const first = limits.admit('k', { perMinute, perDay })
            if (first.ok) continue
            // A refusal consumes nothing: asking again gives the same answer.
            expect(limits.admit('k', { perMinute, perDay })).toEqual(first)
            if (first.retryAfterSeconds > 1) {
              clock.advance((first.retryAfterSeconds - 1) * 1000)
              expect(limits.admit('k', { perMinute, perDay }).ok).toBe(false)
              clock.advance(1000)
            } else clock.advance(1000)
            const after = limits.admit('k', { perMinute, perDay })
            // After the day's count is free again the minute may still hold, and the reverse.
            if (!after.ok) expect(after.scope).not.toBe(first.scope)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('no minute ever admits more than the burst and what it earned', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 200 }),
        (perMinute, gaps) => {
          const clock = movableClock()
          const limits = createLimits({ clock })
          const start = clock.monotonic()
          let admitted = 0
          for (const gap of gaps) {
            clock.advance(gap)
            if (limits.admit('k', { perMinute, perDay: null }).ok) admitted++
            const earned = ((clock.monotonic() - start) * perMinute) / 60_000
            expect(admitted).toBeLessThanOrEqual(perMinute + earned + 1e-6)
          }
        },
      ),
    )
  })

  test('the day limit counts per UTC day and says when the day ends', () => {
    const clock = movableClock(Date.UTC(2026, 10, 22, 23, 59, 30))
    const limits = createLimits({ clock })
    expect(limits.admit('k', { perMinute: null, perDay: 1 }).ok).toBe(true)
    expect(limits.admit('k', { perMinute: null, perDay: 1 })).toEqual({
      ok: false,
      retryAfterSeconds: 30,
      scope: 'day',
    })
    clock.advance(30_000)
    expect(limits.admit('k', { perMinute: null, perDay: 1 }).ok).toBe(true)
  })

  test('a wall clock that jumps back over midnight gives no count back', () => {
    const clock = movableClock(Date.UTC(2026, 10, 23, 0, 5))
    const limits = createLimits({ clock })
    expect(limits.admit('k', { perMinute: null, perDay: 1 }).ok).toBe(true)
    clock.jump(-10 * 60_000)
    expect(limits.admit('k', { perMinute: null, perDay: 1 }).ok).toBe(false)
    expect(limits.admit('first seen now', { perMinute: null, perDay: 1 }).ok).toBe(true)
    clock.jump(10 * 60_000)
    expect(limits.admit('k', { perMinute: null, perDay: 1 }).ok).toBe(false)
    expect(limits.admit('first seen now', { perMinute: null, perDay: 1 }).ok).toBe(false)
  })

  test('a jump of the wall clock does not refill the minute', () => {
    const clock = movableClock()
    const limits = createLimits({ clock })
    expect(limits.admit('k', { perMinute: 1, perDay: null }).ok).toBe(true)
    clock.jump(10 * 60_000)
    expect(limits.admit('k', { perMinute: 1, perDay: null }).ok).toBe(false)
  })

  test('memory stays bounded, and keys that are limited now go last', () => {
    const clock = movableClock()
    const limits = createLimits({ clock, max: 100 })
    for (let i = 0; i < 50; i++) limits.admit(`old-${i}`, { perMinute: 60, perDay: null })
    clock.advance(60_000)
    expect(limits.admit('held', { perMinute: 1, perDay: null }).ok).toBe(true)
    for (let i = 0; i < 80; i++) limits.admit(`new-${i}`, { perMinute: 1, perDay: null })
    expect(limits.size).toBeLessThanOrEqual(100)
    expect(limits.admit('held', { perMinute: 1, perDay: null }).ok).toBe(false)
  })
})
