// What is remembered of keys: how long, of which model, and how much at most.
import { describe, expect, test } from 'vitest'
import { createMovableClock } from '../../test/support/account-rooms.ts'
import type { Suspension } from '../features/provider-keys/pauses.ts'
import { createHealth, PROBE_MS, type Turn } from './health.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

function create() {
  const clock = createMovableClock()
  const health = createHealth({ clock })
  /** A turn that must be given. */
  const begin = (model = 'm', keyId = 'k'): Turn => {
    const turn = health.begin(keyId, model)
    if (typeof turn === 'string') throw new Error(`the key is ${turn}`)
    return turn
  }
  const cool = (retryAfterMs: number | null, model = 'm', keyId = 'k') => health.cool(begin(model, keyId), retryAfterMs)
  const suspend = (fate: Suspension, heldMs = 0) => health.suspend(begin(), fate, heldMs)
  return { clock, health, begin, cool, suspend }
}

describe('a rate limit', () => {
  test('lasts as long as the provider said, for that key and model only', () => {
    const { clock, health, cool } = create()
    cool(7_000)
    expect(health.keyFate('k', 'm')).toBe('rate_limited')
    expect(health.begin('k', 'm')).toBe('rate_limited')
    expect(health.keyFate('k', 'other')).toBeNull()
    expect(health.keyFate('other', 'm')).toBeNull()
    clock.advance(6_999)
    expect(health.cooldownLeft('k', 'm')).toBe(1)
    clock.advance(1)
    expect(health.keyFate('k', 'm')).toBeNull()
    expect(health.cooldownLeft('k', 'm')).toBeNull()
  })

  test('of unknown length is guessed from 5 s, doubling to 5 min', () => {
    const { clock, health, cool } = create()
    const lengths: (number | null)[] = []
    for (let i = 0; i < 9; i++) {
      cool(null)
      lengths.push(health.cooldownLeft('k', 'm'))
      clock.advance(health.cooldownLeft('k', 'm')!)
    }
    const seconds = [5, 10, 20, 40, 80, 160, 300, 300, 300]
    expect(lengths).toEqual(seconds.map((each) => each * SECOND))
  })

  test('is guessed once, however many calls meet it at the same time', () => {
    const { clock, health, begin, cool } = create()
    const turns = Array.from({ length: 8 }, () => begin())
    const ends = turns.map((turn) => health.cool(turn, null))
    expect(new Set(ends)).toEqual(new Set([clock.now() + 5 * SECOND]))
    clock.advance(5 * SECOND)
    expect(health.cool(turns[0]!, null)).toBe(clock.now())
    cool(null)
    expect(health.cooldownLeft('k', 'm')).toBe(10 * SECOND)
  })

  test('of several calls at once lasts as long as the longest that the provider named', () => {
    const { health, begin } = create()
    const turns = [begin(), begin(), begin()]
    turns.forEach((turn, index) => health.cool(turn, [20_000, 60_000, 30_000][index]!))
    expect(health.cooldownLeft('k', 'm')).toBe(60_000)
  })

  test('that was announced starts the guesses anew, and so does an answer', () => {
    const { clock, health, begin, cool } = create()
    const wait = () => clock.advance(health.cooldownLeft('k', 'm')!)
    cool(null)
    wait()
    cool(null)
    wait()
    cool(60_000)
    wait()
    cool(null)
    expect(health.cooldownLeft('k', 'm')).toBe(5_000)
    wait()
    health.succeed(begin())
    cool(null)
    expect(health.cooldownLeft('k', 'm')).toBe(5_000)
  })
})

describe('a state of the whole key', () => {
  test.each([
    ['invalid', [1 * HOUR, 6 * HOUR, 24 * HOUR, 24 * HOUR]],
    ['exhausted', [10 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR]],
  ] as const)('%s is probed by one real request after growing times', (fate, steps) => {
    const { clock, health, suspend } = create()
    for (const step of steps) {
      expect(suspend(fate)).toEqual({ at: clock.now() + step, afterMs: step })
      expect(health.keyFate('k', 'any model')).toBe(fate)
      clock.advance(step - 1)
      expect(health.keyFate('k', 'm')).toBe(fate)
      clock.advance(1)
      expect(health.keyFate('k', 'm')).toBeNull()
    }
  })

  test('is entered once by calls that were under way together: the pause is the first', () => {
    const { health, clock, begin } = create()
    const turns = Array.from({ length: 8 }, () => begin())
    const found = turns.map((turn) => health.suspend(turn, 'exhausted'))
    expect(found).toEqual([{ at: clock.now() + 10 * MINUTE, afterMs: 10 * MINUTE }, ...Array(7).fill(null)])
    clock.advance(10 * MINUTE)
    // A straggler of then says nothing about now.
    expect(health.suspend(turns[3]!, 'exhausted')).toBeNull()
    expect(health.keyFate('k', 'm')).toBeNull()
  })

  test('lets one request find out whether it is over; the others meet it until that one knows', () => {
    const { clock, health, begin, suspend } = create()
    suspend('exhausted')
    clock.advance(10 * MINUTE)
    const probe = begin()
    expect(probe.probes).toBe(true)
    expect([health.begin('k', 'm'), health.begin('k', 'other'), health.keyFate('k', 'm')]).toEqual(
      Array(3).fill('exhausted'),
    )
    expect(health.succeed(probe)).toBe(true)
    expect(begin().probes).toBe(false)
    expect(health.keyFate('k', 'm')).toBeNull()
  })

  test('a probe that fails holds the key back for the next longer time', () => {
    const { clock, health, begin, suspend } = create()
    suspend('exhausted')
    clock.advance(10 * MINUTE)
    expect(health.suspend(begin(), 'exhausted')).toEqual({ at: clock.now() + 20 * MINUTE, afterMs: 20 * MINUTE })
    expect(health.keyFate('k', 'm')).toBe('exhausted')
  })

  test('a probe that told nothing gives its right back; one that never ends loses it', () => {
    const { clock, health, begin, suspend } = create()
    suspend('invalid')
    clock.advance(HOUR)
    const first = begin()
    health.end(first)
    const second = begin()
    health.end(first)
    expect(health.keyFate('k', 'm')).toBe('invalid')
    clock.advance(PROBE_MS - 1)
    expect(health.keyFate('k', 'm')).toBe('invalid')
    clock.advance(1)
    const third = begin()
    health.end(second)
    expect([third.probes, health.keyFate('k', 'm')]).toEqual([true, 'invalid'])
  })

  test('that others found is probed by one request here, and goes on from their pause', () => {
    const { health, clock } = create()
    const known = { fate: 'exhausted', heldMs: 20 * MINUTE } as const
    const turn = health.begin('k', 'm', known) as Turn
    expect([turn.probes, health.begin('k', 'm', known)]).toEqual([true, 'exhausted'])
    expect(health.suspend(turn, 'exhausted', known.heldMs)).toEqual({ at: clock.now() + HOUR, afterMs: HOUR })
  })

  test('is not ended by an answer to a call that began before it', () => {
    const { health, begin, suspend } = create()
    const early = begin()
    suspend('exhausted')
    expect(health.succeed(early)).toBe(false)
    expect(health.keyFate('k', 'm')).toBe('exhausted')
  })

  test('another state begins at its own first step', () => {
    const { clock, health, suspend } = create()
    suspend('invalid')
    clock.advance(HOUR)
    suspend('invalid')
    clock.advance(6 * HOUR)
    suspend('exhausted')
    expect(health.keyFate('k', 'm')).toBe('exhausted')
    clock.advance(10 * MINUTE)
    expect(health.keyFate('k', 'm')).toBeNull()
  })

  test('stands above those of its models, and is forgotten without them where it is known to be over', () => {
    const { clock, health, cool, suspend, begin } = create()
    cool(60_000)
    health.suspend(begin('other'), 'invalid')
    expect(health.keyFate('k', 'm')).toBe('invalid')
    health.keepInStep('k', { status: 'active', statusAt: clock.now() - 1 })
    expect(health.keyFate('k', 'm')).toBe('invalid')
    health.keepInStep('k', { status: 'active', statusAt: clock.now() })
    expect(health.keyFate('k', 'm')).toBe('rate_limited')
    expect(health.keyFate('k', 'other')).toBeNull()
    clock.advance(60_000)
    suspend('exhausted')
    health.keepInStep('k', { status: 'exhausted', statusAt: clock.now() })
    expect(health.keyFate('k', 'm')).toBe('exhausted')
  })

  test('is over with a test that the key passes, also where the wall clock was put back meanwhile', () => {
    const clock = createMovableClock()
    let putBack = 0
    const now = () => clock.now() - putBack
    const health = createHealth({ clock: { now, monotonic: clock.monotonic } })
    health.suspend(health.begin('k', 'm') as Turn, 'invalid')
    putBack = 10 * MINUTE
    health.keepInStep('k', { status: 'invalid', statusAt: now() + putBack })
    expect(health.keyFate('k', 'm')).toBe('invalid')
    clock.advance(SECOND)
    health.keepInStep('k', { status: 'active', statusAt: now() })
    expect(health.keyFate('k', 'm')).toBeNull()
  })
})

test('a missing entitlement is remembered an hour, for its model', () => {
  const { clock, health, begin } = create()
  health.restrict(begin())
  expect(health.keyFate('k', 'm')).toBe('restricted')
  expect(health.keyFate('k', 'other')).toBeNull()
  expect(health.cooldownLeft('k', 'm')).toBeNull()
  clock.advance(HOUR)
  expect(health.keyFate('k', 'm')).toBeNull()
})

test('a key remembers 256 models; the one that waited longest goes first', () => {
  const { health, begin } = create()
  for (let i = 0; i < 257; i++) health.restrict(begin(`m${i}`))
  expect(health.keyFate('k', 'm0')).toBeNull()
  expect(health.keyFate('k', 'm1')).toBe('restricted')
  expect(health.keyFate('k', 'm256')).toBe('restricted')
})

test('invented model names cannot push out the state of the whole key', () => {
  const { health, begin } = create()
  const turns = Array.from({ length: 1_000 }, (_, i) => begin(`m${i}`))
  health.suspend(begin(), 'invalid')
  for (const turn of turns) health.cool(turn, 1_000)
  expect(health.keyFate('k', 'x')).toBe('invalid')
})

test('the models a key does not serve are listed with the wall time of their end; its own state is not among them', () => {
  const { clock, health, begin, cool, suspend } = create()
  expect(health.listModels('k')).toEqual([])
  cool(60_000, 'a')
  health.restrict(begin('b'))
  suspend('exhausted')
  cool(60_000, 'c', 'other')
  expect(health.listModels('k')).toEqual([
    { model: 'a', fate: 'rate_limited', until: clock.now() + 60_000 },
    { model: 'b', fate: 'restricted', until: clock.now() + HOUR },
  ])
  clock.advance(60_000)
  expect(health.listModels('k')).toMatchObject([{ model: 'b' }])
})
