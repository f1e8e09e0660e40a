import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNS } from '../../test/support/properties.ts'
import { anthropicRateLimits } from './anthropic-messages/rate-limits.ts'
import { openaiRateLimits, readDuration, writeDuration } from './openai-rate-limits.ts'
import type { RateLimit, RateLimits } from './rate-limits.ts'

const NOW = Date.parse('2026-11-22T18:00:00Z')

describe('durations', () => {
  test.each([
    ['6m0s', 360_000],
    ['1s', 1000],
    ['20ms', 20],
    ['0s', 0],
    ['1.582s', 1582],
    ['55.492s', 55_492],
    ['1h2m3.5s', 3_723_500],
    ['1m30s', 90_000],
    ['250µs', 1],
    ['0', 0],
    ['12', 12_000],
    ['2.5', 2500],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(readDuration(text)).toBe(milliseconds)
  })

  test.each(['', 'soon', '-1s', '1741305600000', '1d', 's', '1s2', 'X-RATELIMIT-XXX', '9'.repeat(400)])(
    '%j is none',
    (text) => {
      expect(readDuration(text)).toBeUndefined()
    },
  )

  test.each([
    [360_000, '6m0s'],
    [1000, '1s'],
    [20, '20ms'],
    [0, '0s'],
    [3_723_500, '1h2m3.5s'],
    [3_600_000, '1h0m0s'],
  ])('%d ms is written %s', (milliseconds, text) => {
    expect(writeDuration(milliseconds)).toBe(text)
  })
})

describe('headers', () => {
  const openai = {
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-remaining-requests': '9999',
    'x-ratelimit-reset-requests': '6m0s',
    'x-ratelimit-limit-tokens': '2000000',
    'x-ratelimit-remaining-tokens': '1999984',
    'x-ratelimit-reset-tokens': '20ms',
  }

  test("OpenAI's become Anthropic's", () => {
    expect(anthropicRateLimits.write(openaiRateLimits.read(openai, NOW), NOW)).toEqual({
      'anthropic-ratelimit-requests-limit': '10000',
      'anthropic-ratelimit-requests-remaining': '9999',
      'anthropic-ratelimit-requests-reset': '2026-11-22T18:06:00Z',
      'anthropic-ratelimit-tokens-limit': '2000000',
      'anthropic-ratelimit-tokens-remaining': '1999984',
      'anthropic-ratelimit-tokens-reset': '2026-11-22T18:00:01Z',
    })
  })

  test("Anthropic's become OpenAI's; of input and output the tighter one, where nothing says tokens", () => {
    const anthropic = {
      'anthropic-ratelimit-requests-limit': '50',
      'anthropic-ratelimit-requests-remaining': '49',
      'anthropic-ratelimit-requests-reset': '2026-11-22T18:00:01.500Z',
      'anthropic-ratelimit-input-tokens-limit': '30000',
      'anthropic-ratelimit-input-tokens-remaining': '29000',
      'anthropic-ratelimit-input-tokens-reset': '2026-11-22T17:59:00Z',
      'anthropic-ratelimit-output-tokens-limit': '8000',
      'anthropic-ratelimit-output-tokens-remaining': '100',
      'anthropic-ratelimit-output-tokens-reset': '2026-11-22T19:01:05+01:00',
    }
    expect(openaiRateLimits.write(anthropicRateLimits.read(anthropic, NOW), NOW)).toEqual({
      'x-ratelimit-limit-requests': '50',
      'x-ratelimit-remaining-requests': '49',
      'x-ratelimit-reset-requests': '1.5s',
      'x-ratelimit-limit-tokens': '8000',
      'x-ratelimit-remaining-tokens': '100',
      'x-ratelimit-reset-tokens': '1m5s',
    })
  })

  test('what cannot be read is left out, and never thrown', () => {
    const odd = {
      'x-ratelimit-limit-requests': '-1',
      'x-ratelimit-remaining-requests': ['1'],
      'x-ratelimit-reset-tokens': 'x',
    }
    expect(openaiRateLimits.read(odd, NOW)).toEqual({})
    expect(anthropicRateLimits.read({ 'anthropic-ratelimit-tokens-reset': '2026-99-99T00:00:00Z' }, NOW)).toEqual({})
  })

  const count = fc.nat({ max: 1_000_000_000 })
  const limit = (reset: fc.Arbitrary<number>): fc.Arbitrary<RateLimit> =>
    fc
      .record({ limit: count, remaining: count, resetMs: reset }, { requiredKeys: [] })
      .filter((one) => Object.keys(one).length > 0)
  const limits = (reset: fc.Arbitrary<number>): fc.Arbitrary<RateLimits> =>
    fc.record({ requests: limit(reset), tokens: limit(reset) }, { requiredKeys: [] })
  const milliseconds = fc.nat({ max: 7 * 24 * 3_600_000 })
  const moment = fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 })

  test('OpenAI’s say again what was read from them', () => {
    fc.assert(
      fc.property(limits(milliseconds), moment, (given, now) => {
        expect(openaiRateLimits.read(openaiRateLimits.write(given, now), now)).toEqual(given)
      }),
      RUNS,
    )
  })

  test('through the other dialect and back, counts are the same and no reset is earlier or a second later', () => {
    fc.assert(
      fc.property(limits(milliseconds), moment, (given, now) => {
        const there = anthropicRateLimits.read(anthropicRateLimits.write(given, now), now)
        const back = openaiRateLimits.read(openaiRateLimits.write(there, now), now)
        for (const kind of ['requests', 'tokens'] as const) {
          const { resetMs: wanted, ...counts } = given[kind] ?? {}
          const { resetMs, ...others } = back[kind] ?? {}
          expect(others).toEqual(counts)
          if (wanted === undefined) expect(resetMs).toBeUndefined()
          else expect(resetMs! - wanted).toBeGreaterThanOrEqual(0)
          if (wanted !== undefined) expect(resetMs! - wanted).toBeLessThan(1000)
        }
      }),
      RUNS,
    )
  })

  test('a moment in whole seconds survives the way through durations', () => {
    fc.assert(
      fc.property(limits(milliseconds), moment, (given, now) => {
        const written = anthropicRateLimits.write(given, now)
        const through = openaiRateLimits.read(openaiRateLimits.write(anthropicRateLimits.read(written, now), now), now)
        expect(anthropicRateLimits.write(through, now)).toEqual(written)
      }),
      RUNS,
    )
  })
})
