import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLimits, RateLimitError, type Admitted, type RateLimit } from './limits.ts'
import { createMemoryRateStore } from './rate-store.ts'

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

type Terms = { perMinute?: number | null; perDay?: number | null; tokensPerMinute?: number; tokensPerDay?: number }

function limitsOf(id: string, terms: Terms, kind: RateLimit['kind'] = 'api-key'): RateLimit[] {
  const all = [
    ['requests', 'minute', terms.perMinute],
    ['requests', 'day', terms.perDay],
    ['tokens', 'minute', terms.tokensPerMinute],
    ['tokens', 'day', terms.tokensPerDay],
  ] as const
  return all.flatMap(([counts, per, most]) =>
    most == null ? [] : [{ name: `${kind} ${id} ${counts} ${per}`, kind, counts, per, most }],
  )
}

function create(clock = movableClock(), max?: number) {
  const store = createMemoryRateStore({ clock, ...(max === undefined ? {} : { max }) })
  const limits = createLimits({ clock, store })
  /** What was let in, or the error; nothing here waits for anything. */
  function ask(of: readonly RateLimit[], tokens?: number): Admitted | RateLimitError {
    try {
      const admitted = limits.admit(of)
      if (admitted instanceof Promise) throw new TypeError('memory does not wait')
      if (tokens !== undefined) void admitted.takeTokens(tokens)
      return admitted
    } catch (error) {
      if (error instanceof RateLimitError) return error
      throw error
    }
  }
  const passes = (of: readonly RateLimit[], tokens?: number) => !(ask(of, tokens) instanceof RateLimitError)
  const wait = (of: readonly RateLimit[], tokens?: number) => {
    const answer = ask(of, tokens)
    return answer instanceof RateLimitError ? answer.retryAfter! : 0
  }
  return { clock, store, ask, passes, wait }
}

describe('limits of requests', () => {
  test('the request over the minute limit is refused with the wait that suffices', () => {
    const { clock, ask, passes } = create()
    const mine = limitsOf('k', { perMinute: 3 })
    for (let i = 0; i < 3; i++) expect(passes(mine)).toBe(true)
    expect(ask(mine)).toMatchObject({
      code: 'rate_limit_exceeded',
      retryAfter: 20,
      message: 'This UniRoute API key has reached its limit of 3 requests per minute. Wait 20 s, or raise the limit.',
    })
    expect(passes(limitsOf('other', { perMinute: 3 }))).toBe(true)
    clock.advance(20_000)
    expect(passes(mine)).toBe(true)
  })

  test('the limit of a user holds for all keys, and says whose it is', () => {
    const { ask, passes } = create()
    const user = limitsOf('u', { perMinute: 2 }, 'user')
    const one = [...limitsOf('a', { perMinute: 9 }), ...user]
    const two = [...limitsOf('b', { perMinute: 9 }), ...user]
    expect(passes(one)).toBe(true)
    expect(passes(two)).toBe(true)
    const refused = ask(one)
    expect(refused).toMatchObject({ retryAfter: 30, message: expect.stringMatching(/^Your account .* administrator/) })
    // What refused it took nothing of the others either.
    for (let i = 0; i < 8; i++) expect(passes(limitsOf('a', { perMinute: 9 }))).toBe(true)
    expect(passes(limitsOf('a', { perMinute: 9 }))).toBe(false)
  })

  test('Retry-After is sufficient, and one second less is not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.option(fc.integer({ min: 1, max: 50 }), { nil: null }),
        fc.option(fc.integer({ min: 1, max: 20_000 }), { nil: undefined }),
        fc.option(fc.integer({ min: 1, max: 20_000 }), { nil: undefined }),
        fc.array(fc.record({ gap: fc.integer({ min: 0, max: 5000 }), tokens: fc.integer({ min: 1, max: 3000 }) }), {
          minLength: 1,
          maxLength: 80,
        }),
        fc.integer({ min: 0, max: 86_399_999 }),
        (perMinute, perDay, tokensPerMinute, tokensPerDay, calls, offset) => {
          const { clock, ask, passes } = create(movableClock(Date.UTC(2026, 10, 22) + offset))
          const mine = limitsOf('k', {
            perMinute,
            perDay,
            ...(tokensPerMinute === undefined ? {} : { tokensPerMinute }),
            ...(tokensPerDay === undefined ? {} : { tokensPerDay }),
          })
          for (const { gap, tokens } of calls) {
            clock.advance(gap)
            const first = ask(mine, tokens)
            if (!(first instanceof RateLimitError)) continue
            // A refusal consumes nothing: asking again gives the same answer.
            expect(ask(mine, tokens)).toMatchObject({ message: first.message, retryAfter: first.retryAfter })
            clock.advance((first.retryAfter! - 1) * 1000)
            if (first.retryAfter! > 1) expect(passes(mine, tokens)).toBe(false)
            clock.advance(1000)
            const after = ask(mine, tokens)
            // Requests are asked for before tokens, which have a wait of their own.
            if (after instanceof RateLimitError) {
              expect(first.message).toMatch(/requests per/)
              expect(after.message).toMatch(/tokens per/)
            }
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
          const { clock, passes } = create()
          const start = clock.monotonic()
          let admitted = 0
          for (const gap of gaps) {
            clock.advance(gap)
            if (passes(limitsOf('k', { perMinute }))) admitted++
            const earned = ((clock.monotonic() - start) * perMinute) / 60_000
            expect(admitted).toBeLessThanOrEqual(perMinute + earned + 1e-6)
          }
        },
      ),
    )
  })

  test('the day limit counts per UTC day and says when the day ends', () => {
    const { clock, ask, passes } = create(movableClock(Date.UTC(2026, 10, 22, 23, 59, 30)))
    const mine = limitsOf('k', { perDay: 1 })
    expect(passes(mine)).toBe(true)
    expect(ask(mine)).toMatchObject({ retryAfter: 30, message: expect.stringMatching(/1 requests per day/) })
    clock.advance(30_000)
    expect(passes(mine)).toBe(true)
  })

  test('a wall clock that jumps back over midnight gives no count back', () => {
    const { clock, passes } = create(movableClock(Date.UTC(2026, 10, 23, 0, 5)))
    const mine = limitsOf('k', { perDay: 1 })
    expect(passes(mine)).toBe(true)
    clock.jump(-10 * 60_000)
    expect(passes(mine)).toBe(false)
    expect(passes(limitsOf('first seen now', { perDay: 1 }))).toBe(true)
    clock.jump(10 * 60_000)
    expect(passes(mine)).toBe(false)
    expect(passes(limitsOf('first seen now', { perDay: 1 }))).toBe(false)
  })

  test('a jump of the wall clock does not refill the minute', () => {
    const { clock, passes } = create()
    const mine = limitsOf('k', { perMinute: 1 })
    expect(passes(mine)).toBe(true)
    clock.jump(10 * 60_000)
    expect(passes(mine)).toBe(false)
  })

  test('memory stays bounded, and keys that are limited now go last', () => {
    const { clock, store, passes } = create(movableClock(), 100)
    for (let i = 0; i < 50; i++) passes(limitsOf(`old-${i}`, { perMinute: 60 }))
    clock.advance(60_000)
    expect(passes(limitsOf('held', { perMinute: 1 }))).toBe(true)
    for (let i = 0; i < 80; i++) passes(limitsOf(`new-${i}`, { perMinute: 1 }))
    expect(store.size).toBeLessThanOrEqual(100)
    expect(passes(limitsOf('held', { perMinute: 1 }))).toBe(false)
  })
})

describe('limits of tokens', () => {
  const mine = limitsOf('k', { perMinute: 100, tokensPerMinute: 6_000 })

  function call(asked: ReturnType<typeof create>, tokens: number): Admitted {
    const answer = asked.ask(mine, tokens)
    if (answer instanceof RateLimitError) throw answer
    return answer
  }

  test('what a call may use is taken before it, and what it used takes its place', () => {
    const asked = create()
    const first = call(asked, 5_000)
    expect(first.standing.tokens).toMatchObject({ limit: 6_000, remaining: 1_000, resetMs: 50_000 })
    expect(asked.wait(mine, 2_000)).toBe(10)
    first.countTokens(300)
    first.countTokens(200)
    first.settle()
    first.settle()
    expect(call(asked, 2_000).standing.tokens).toMatchObject({ remaining: 3_500 })
  })

  test('what was used beyond the estimate is paid off by those who come after', () => {
    const asked = create()
    const first = call(asked, 100)
    first.countTokens(9_000)
    first.settle()
    expect(asked.wait(mine, 1_000)).toBe(40)
  })

  test('a call larger than a whole minute passes when nothing is taken, and is paid off', () => {
    const asked = create()
    call(asked, 12_000)
    expect(asked.wait(mine, 12_000)).toBe(120)
    asked.clock.advance(119_000)
    expect(asked.passes(mine, 12_000)).toBe(false)
    asked.clock.advance(1_000)
    expect(asked.passes(mine, 12_000)).toBe(true)
  })

  test('a call refused for its tokens gives its request back', () => {
    const asked = create()
    const few = limitsOf('k', { perMinute: 2, perDay: 2, tokensPerMinute: 10 })
    expect(asked.passes(few, 10)).toBe(true)
    for (let i = 0; i < 5; i++) expect(asked.ask(few, 10)).toMatchObject({ message: expect.stringMatching(/tokens/) })
    expect(asked.passes(few)).toBe(true)
    expect(asked.ask(few)).toMatchObject({ message: expect.stringMatching(/requests/) })
  })

  test('a call that ends after midnight changes nothing of the new day', () => {
    const asked = create(movableClock(Date.UTC(2026, 10, 22, 23, 59)))
    const daily = limitsOf('k', { tokensPerDay: 1_000 })
    const late = asked.ask(daily, 900) as Admitted
    asked.clock.advance(120_000)
    expect(asked.passes(daily, 800)).toBe(true)
    late.settle()
    expect(asked.passes(daily, 300)).toBe(false)
    expect(asked.passes(daily, 200)).toBe(true)
  })

  test('the caller is told of the window of which least is left', () => {
    const asked = create()
    const both = limitsOf('k', { perMinute: 10, perDay: 4 })
    expect(asked.ask(both)).toMatchObject({ standing: { requests: { limit: 4, remaining: 3, resetMs: 43_200_000 } } })
    const all = [...both, ...limitsOf('u', { perMinute: 2 }, 'user')]
    expect(asked.ask(all)).toMatchObject({ standing: { requests: { limit: 2, remaining: 1, resetMs: 30_000 } } })
    expect(asked.ask(all)).toMatchObject({ standing: { requests: { limit: 2, remaining: 0, resetMs: 60_000 } } })
    const refused = asked.ask(all)
    expect(refused).toBeInstanceOf(RateLimitError)
    expect(refused).toMatchObject({ standing: { requests: { limit: 2, remaining: 0, resetMs: 60_000 } } })
  })
})
