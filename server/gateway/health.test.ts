// What is remembered of keys: how long, of which model, and how much at most.
import { describe, expect, test } from 'vitest'
import { createMovableClock } from '../../test/support/account-rooms.ts'
import { createHealth } from './health.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

function create() {
  const clock = createMovableClock()
  return { clock, health: createHealth({ clock }) }
}

describe('a rate limit', () => {
  test('lasts as long as the provider said, for that key and model only', () => {
    const { clock, health } = create()
    health.cool('k', 'm', 7_000)
    expect(health.keyFate('k', 'm')).toBe('rate_limited')
    expect(health.keyFate('k', 'other')).toBeNull()
    expect(health.keyFate('other', 'm')).toBeNull()
    clock.advance(6_999)
    expect(health.cooldownLeft('k', 'm')).toBe(1)
    clock.advance(1)
    expect(health.keyFate('k', 'm')).toBeNull()
    expect(health.cooldownLeft('k', 'm')).toBeNull()
  })

  test('of unknown length is guessed from 5 s, doubling to 5 min', () => {
    const { clock, health } = create()
    const lengths: (number | null)[] = []
    for (let i = 0; i < 9; i++) {
      health.cool('k', 'm', null)
      lengths.push(health.cooldownLeft('k', 'm'))
      clock.advance(health.cooldownLeft('k', 'm')!)
    }
    const seconds = [5, 10, 20, 40, 80, 160, 300, 300, 300]
    expect(lengths).toEqual(seconds.map((each) => each * SECOND))
  })

  test('that was announced starts the guesses anew', () => {
    const { health } = create()
    health.cool('k', 'm', null)
    health.cool('k', 'm', null)
    health.cool('k', 'm', 60_000)
    health.cool('k', 'm', null)
    expect(health.cooldownLeft('k', 'm')).toBe(5_000)
  })
})

describe('a state of the whole key', () => {
  test.each([
    ['invalid', [1 * HOUR, 6 * HOUR, 24 * HOUR, 24 * HOUR]],
    ['exhausted', [10 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR]],
  ] as const)('%s is probed by one real request after growing times', (fate, steps) => {
    const { clock, health } = create()
    for (const step of steps) {
      health.suspend('k', fate)
      expect(health.keyFate('k', 'any model')).toBe(fate)
      clock.advance(step - 1)
      expect(health.keyFate('k', 'm')).toBe(fate)
      clock.advance(1)
      expect(health.keyFate('k', 'm')).toBeNull()
    }
  })

  test('another state begins at its own first step', () => {
    const { clock, health } = create()
    health.suspend('k', 'invalid')
    health.suspend('k', 'invalid')
    health.suspend('k', 'exhausted')
    expect(health.keyFate('k', 'm')).toBe('exhausted')
    clock.advance(10 * MINUTE)
    expect(health.keyFate('k', 'm')).toBeNull()
  })

  test('stands above those of its models, and is forgotten with them', () => {
    const { health } = create()
    health.cool('k', 'm', 60_000)
    health.suspend('k', 'invalid')
    expect(health.keyFate('k', 'm')).toBe('invalid')
    health.forgetKey('k')
    expect(health.keyFate('k', 'm')).toBeNull()
  })
})

test('a missing entitlement is remembered an hour, for its model', () => {
  const { clock, health } = create()
  health.restrict('k', 'm')
  expect(health.keyFate('k', 'm')).toBe('restricted')
  expect(health.keyFate('k', 'other')).toBeNull()
  expect(health.cooldownLeft('k', 'm')).toBeNull()
  clock.advance(HOUR)
  expect(health.keyFate('k', 'm')).toBeNull()
})

test('a key remembers 256 models; the one that waited longest goes first', () => {
  const { health } = create()
  for (let i = 0; i < 257; i++) health.restrict('k', `m${i}`)
  expect(health.keyFate('k', 'm0')).toBeNull()
  expect(health.keyFate('k', 'm1')).toBe('restricted')
  expect(health.keyFate('k', 'm256')).toBe('restricted')
})

test('invented model names cannot push out the state of the whole key', () => {
  const { health } = create()
  health.suspend('k', 'invalid')
  for (let i = 0; i < 1_000; i++) health.cool('k', `m${i}`, 1_000)
  expect(health.keyFate('k', 'x')).toBe('invalid')
})

test('the models a key does not serve are listed with the wall time of their end; its own state is not among them', () => {
  const { clock, health } = create()
  expect(health.listModels('k')).toEqual([])
  health.cool('k', 'a', 60_000)
  health.restrict('k', 'b')
  health.suspend('k', 'exhausted')
  health.cool('other', 'c', 60_000)
  expect(health.listModels('k')).toEqual([
    { model: 'a', fate: 'rate_limited', until: clock.now() + 60_000 },
    { model: 'b', fate: 'restricted', until: clock.now() + HOUR },
  ])
  clock.advance(60_000)
  expect(health.listModels('k')).toMatchObject([{ model: 'b' }])
})
