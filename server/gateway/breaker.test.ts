// When a provider counts as down, for whom, and how it comes back.
import { describe, expect, test } from 'vitest'
import { createMovableClock } from '../../test/support/account-rooms.ts'
import { type BreakerKey, type Breakers, createBreakers } from './breaker.ts'

const KEY: BreakerKey = { provider: 'openai', model: 'gpt-4o', side: 'user', owner: 'ada', origin: '' }
/** Whose request it is, where that makes no difference. */
const ASKER = {}
const owners = Array.from({ length: 7 }, (_, index) => ({ ...KEY, owner: `owner${index}` }))

function create() {
  const clock = createMovableClock()
  const breakers = createBreakers({ clock })
  const record = (key: BreakerKey, failed: boolean, times: number): void => {
    for (let i = 0; i < times; i++) breakers.record(key, failed)
  }
  /** Failures of several owners, so that the breaker opens for all. */
  const fail = (times: number, base: BreakerKey = KEY): void => {
    for (let i = 0; i < times; i++) breakers.record({ ...base, owner: owners[i % owners.length]!.owner }, true)
  }
  return { clock, breakers, record, fail }
}

describe('opening', () => {
  test('19 failures are too few, the 20th opens it for 10 s', () => {
    const { breakers, fail } = create()
    fail(19)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    fail(1)
    expect(breakers.allows(KEY, ASKER)).toBe(false)
    expect(breakers.openFor(KEY)).toBe(10_000)
    expect(breakers.openCount).toBe(1)
    const { provider, model, side } = KEY
    expect(breakers.listOpen()).toEqual([{ provider, model, side, oneOwner: false, leftMs: 10_000 }])
  })

  test('an owner is told of those that keep their own keys from being asked, and of nobody else’s', () => {
    const { breakers, record, fail } = create()
    const names = (owner: string, origins: string[] = []): string[] =>
      breakers.listOpenFor(owner, origins).map(({ model }) => model)
    fail(20)
    record({ ...KEY, model: 'of-ada' }, true, 20)
    record({ ...KEY, model: 'at-ada', origin: 'https://a.example' }, true, 20)
    record({ ...KEY, model: 'of-server', side: 'server', owner: 'server' }, true, 20)
    expect(names('ada')).toEqual(['gpt-4o', 'of-ada'])
    expect(names('ada', ['https://a.example'])).toEqual(['gpt-4o', 'of-ada', 'at-ada'])
    expect(names('bob', ['https://a.example'])).toEqual(['gpt-4o'])
  })

  test('whoever asks for very many models opens no breaker of others', () => {
    const { breakers, fail, record } = create()
    record({ ...KEY, model: 'closed' }, true, 19)
    fail(20)
    for (let count = 0; count < 10_000; count++) breakers.record({ ...KEY, model: `model-${count}` }, true)
    expect(breakers.openFor(KEY)).toBe(10_000)
    // What was closed and the oldest is forgotten, samples and all.
    record({ ...KEY, model: 'closed' }, true, 1)
    expect([breakers.openCount, breakers.openFor({ ...KEY, model: 'closed' })]).toEqual([1, null])
  })

  test.each([
    [20, 20, true],
    [20, 21, false],
    [200, 20, true],
    [200, 201, false],
  ])('after %i successes, %i failures leave it closed: %s', (good, bad, closed) => {
    const { breakers, record, fail } = create()
    record(KEY, false, good)
    fail(bad)
    expect(breakers.allows(KEY, ASKER)).toBe(closed)
  })

  test('what is older than 30 s no longer counts, on either side of the sum', () => {
    const { clock, breakers, record, fail } = create()
    fail(19)
    clock.advance(31_000)
    fail(19)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    clock.advance(31_000)
    record(KEY, false, 100)
    clock.advance(31_000)
    fail(20)
    expect(breakers.allows(KEY, ASKER)).toBe(false)
  })

  test('samples of the last 30 s count together', () => {
    const { clock, breakers, fail } = create()
    for (let i = 0; i < 10; i++) {
      fail(2)
      clock.advance(2_800)
    }
    expect(breakers.allows(KEY, ASKER)).toBe(false)
  })
})

describe('for whom', () => {
  test('while all failures are one owner’s it opens for that owner only', () => {
    const { breakers, record } = create()
    record(KEY, true, 30)
    expect(breakers.allows(KEY, ASKER)).toBe(false)
    expect(breakers.allows({ ...KEY, owner: 'bob' }, ASKER)).toBe(true)
  })

  test('an owner’s failures in different seconds are still one owner’s', () => {
    const { clock, breakers, record } = create()
    for (let i = 0; i < 25; i++) {
      record(KEY, true, 1)
      clock.advance(1_000)
    }
    expect(breakers.allows(KEY, ASKER)).toBe(false)
    expect(breakers.allows({ ...KEY, owner: 'bob' }, ASKER)).toBe(true)
  })

  test('failures of two owners open it for all', () => {
    const { breakers, record } = create()
    record(KEY, true, 10)
    record({ ...KEY, owner: 'bob' }, true, 10)
    expect(breakers.allows({ ...KEY, owner: 'someone else' }, ASKER)).toBe(false)
  })

  test('on the side of the server there is one owner, and it opens for all', () => {
    const { breakers, record } = create()
    const server = { ...KEY, side: 'server', owner: 'server' } as const
    record(server, true, 20)
    expect(breakers.allows(server, ASKER)).toBe(false)
  })

  test('however many owners’ keys fail one after the other, a thousand of them are remembered', () => {
    const { clock, breakers, record } = create()
    for (let count = 0; count < 1_010; count++) {
      record({ ...KEY, owner: `owner${count}` }, true, 20)
      clock.advance(31_000)
    }
    expect(breakers.openCount).toBe(1_000)
    expect(breakers.openFor({ ...KEY, owner: 'owner9' })).toBeNull()
    expect(breakers.openFor({ ...KEY, owner: 'owner10' })).not.toBeNull()
  })

  test.each<[string, Partial<BreakerKey>]>([
    ['another provider', { provider: 'anthropic' }],
    ['another model', { model: 'gpt-5' }],
    ['the other side', { side: 'server', owner: 'server' }],
    ['another base URL', { origin: 'https://llm.example.test' }],
  ])('%s is not touched', (_name, other) => {
    const { breakers, fail } = create()
    fail(30)
    expect(breakers.allows(KEY, ASKER)).toBe(false)
    expect(breakers.allows({ ...KEY, ...other }, ASKER)).toBe(true)
    expect(breakers.openFor({ ...KEY, ...other })).toBeNull()
  })
})

describe('coming back', () => {
  function opened(): ReturnType<typeof create> & { breakers: Breakers } {
    const parts = create()
    parts.fail(20)
    return parts
  }

  test('after its time exactly one call may probe', () => {
    const { clock, breakers } = opened()
    clock.advance(9_999)
    expect(breakers.allows(KEY, ASKER)).toBe(false)
    clock.advance(1)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    expect(breakers.allows(KEY, ASKER)).toBe(false)
    expect(breakers.allows({ ...KEY, owner: 'bob' }, ASKER)).toBe(false)
  })

  test('a probe that succeeds closes it, and the failures before are forgotten', () => {
    const { clock, breakers, fail } = opened()
    clock.advance(10_000)
    breakers.allows(KEY, ASKER)
    breakers.record(KEY, false)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    expect(breakers.openFor(KEY)).toBeNull()
    fail(10)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
  })

  test('a probe whose answer begins closes it at once, and an answer before its time does not', () => {
    const { clock, breakers, fail } = opened()
    clock.advance(9_999)
    breakers.answered(KEY)
    expect(breakers.openFor(KEY)).toBe(1)
    clock.advance(1)
    breakers.allows(KEY, ASKER)
    breakers.answered(KEY)
    expect([breakers.allows(KEY, ASKER), breakers.openFor(KEY)]).toEqual([true, null])
    // An answer that breaks off later is one failed sample, as any other.
    breakers.record(KEY, true)
    expect(breakers.openFor(KEY)).toBeNull()
    fail(19)
    expect(breakers.openFor(KEY)).toBe(10_000)
  })

  test('a probe that fails opens it for twice as long, up to two minutes', () => {
    const { clock, breakers } = opened()
    const lengths: (number | null)[] = []
    for (let i = 0; i < 6; i++) {
      clock.advance(breakers.openFor(KEY)!)
      expect(breakers.allows(KEY, ASKER)).toBe(true)
      breakers.record(KEY, true)
      lengths.push(breakers.openFor(KEY))
    }
    expect(lengths).toEqual([20_000, 40_000, 80_000, 120_000, 120_000, 120_000])
  })

  test('a probe that told nothing lets the next one through', () => {
    const { clock, breakers } = opened()
    clock.advance(10_000)
    breakers.allows(KEY, ASKER)
    breakers.release(KEY, ASKER)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    expect(breakers.allows(KEY, ASKER)).toBe(false)
  })

  test('only the one who probes gives the probe back: calls from before may end meanwhile and tell nothing', () => {
    const { clock, breakers } = opened()
    const [prober, earlier] = [{}, {}]
    clock.advance(10_000)
    expect(breakers.allows(KEY, prober)).toBe(true)
    breakers.release(KEY, earlier)
    expect(breakers.allows(KEY, earlier)).toBe(false)
    breakers.release(KEY, prober)
    expect(breakers.allows(KEY, earlier)).toBe(true)
  })

  test('an owner whose probe was under way when it opened for all is let through again once it closes for all', () => {
    const { clock, breakers, record, fail } = create()
    record(KEY, true, 20)
    clock.advance(10_000)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    fail(20)
    breakers.record(KEY, false)
    clock.advance(10_000)
    const other = { ...KEY, owner: 'bob' }
    expect(breakers.allows(other, ASKER)).toBe(true)
    breakers.record(other, false)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    expect(breakers.openCount).toBe(0)
  })

  test('answers to calls from before the opening neither close nor lengthen it', () => {
    const { clock, breakers } = opened()
    clock.advance(5_000)
    breakers.record(KEY, false)
    breakers.record(KEY, true)
    expect(breakers.openFor(KEY)).toBe(5_000)
  })

  test('one owner’s breaker closes for that owner', () => {
    const { clock, breakers, record } = create()
    record(KEY, true, 20)
    clock.advance(10_000)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    breakers.record(KEY, false)
    expect(breakers.allows(KEY, ASKER)).toBe(true)
    expect(breakers.openCount).toBe(0)
  })

  test('the last target is let through once a second', () => {
    const { clock, breakers } = opened()
    expect(breakers.allowsLastResort(KEY)).toBe(true)
    expect(breakers.allowsLastResort(KEY)).toBe(false)
    clock.advance(999)
    expect(breakers.allowsLastResort(KEY)).toBe(false)
    clock.advance(1)
    expect(breakers.allowsLastResort(KEY)).toBe(true)
  })
})
