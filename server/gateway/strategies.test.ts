// Orders change the order only; each does what it says.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ORDERS } from '../../contract/routing.ts'
import type { ModelTarget } from '../catalog/choices.ts'
import { orderTargets, TRIED_UNKNOWN, type OrderFacts } from './strategies.ts'

const target = fc.record({ weight: fc.integer({ min: 1, max: 1000 }), figure: fc.option(fc.nat(1_000_000)) })
const targetsOf = (list: readonly { weight: number }[]): ModelTarget[] =>
  list.map(({ weight }, index) => ({ provider: `p${index % 3}`, model: `m${index}`, weight }))
const facts = (fields: Partial<OrderFacts> = {}): OrderFacts => ({
  costOf: () => null,
  latencyOf: () => null,
  conversation: 'x',
  chance: 0.5,
  ...fields,
})
const choice = fc.array(target, { minLength: 1, maxLength: 10 })
const figuresOf = (list: readonly { figure: number | null }[]) => {
  const byModel = new Map(list.map(({ figure }, index) => [`m${index}`, figure]))
  return ({ model }: ModelTarget): number | null => byModel.get(model) ?? null
}
const chance = fc.double({ min: 0, max: 0.999, noNaN: true })

describe('every order', () => {
  test('keeps each target, once, whatever is known of them', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ORDERS), choice, fc.string(), chance, (order, list, conversation, luck) => {
        const targets = targetsOf(list)
        const figure = figuresOf(list)
        const known = facts({ costOf: figure, latencyOf: figure, conversation, chance: luck })
        const ordered = orderTargets(order, targets, known)
        expect(new Set(ordered)).toEqual(new Set(targets))
        expect(ordered).toHaveLength(targets.length)
        // The same request is ordered in the same way.
        expect(orderTargets(order, targets, known)).toEqual(ordered)
        if (order === 'priority') expect(ordered).toEqual(targets)
      }),
    )
  })
})

test('by cost: never a dearer one first, unknown prices last, equals as listed', () => {
  fc.assert(
    fc.property(choice, (list) => {
      const figure = figuresOf(list)
      const targets = targetsOf(list)
      const ordered = orderTargets('cost', targets, facts({ costOf: figure }))
      ordered.slice(1).forEach((one, index) => {
        const [before, after] = [figure(ordered[index]!) ?? Infinity, figure(one) ?? Infinity]
        expect(before).toBeLessThanOrEqual(after)
        if (before === after) expect(targets.indexOf(ordered[index]!)).toBeLessThan(targets.indexOf(one))
      })
    }),
  )
})

test('by latency: the known ones by speed; an unknown one goes first in one of ten requests, and only beside known ones', () => {
  fc.assert(
    fc.property(choice, chance, (list, luck) => {
      const figure = figuresOf(list)
      const targets = targetsOf(list)
      const ordered = orderTargets('latency', targets, facts({ latencyOf: figure, chance: luck }))
      const known = ordered.map(figure).filter((one) => one !== null)
      expect(known).toEqual(known.toSorted((a, b) => a - b))
      const isTried = luck < TRIED_UNKNOWN && known.length > 0 && known.length < targets.length
      expect(figure(ordered[0]!) === null).toBe(isTried || known.length === 0)
      const unknown = ordered.filter((one) => figure(one) === null)
      expect(unknown).toEqual(targets.filter((one) => figure(one) === null))
    }),
  )
})

describe('by weight', () => {
  const [light, heavy, middle] = targetsOf([{ weight: 1 }, { weight: 6 }, { weight: 3 }]) as [
    ModelTarget,
    ModelTarget,
    ModelTarget,
  ]
  const firstOf = (targets: readonly ModelTarget[], conversation: string) =>
    orderTargets('weighted', targets, facts({ conversation }))[0]!

  test('conversations are spread by the weights', () => {
    const counts = new Map<ModelTarget, number>()
    for (let index = 0; index < 10_000; index++) {
      const first = firstOf([light, heavy, middle], `conversation ${index}`)
      counts.set(first, (counts.get(first) ?? 0) + 1)
    }
    expect(Math.abs(counts.get(light)! - 1_000)).toBeLessThan(150)
    expect(Math.abs(counts.get(middle)! - 3_000)).toBeLessThan(250)
    expect(Math.abs(counts.get(heavy)! - 6_000)).toBeLessThan(250)
  })

  test('a conversation stays with its target while that is there, wherever it stands in the list', () => {
    fc.assert(
      fc.property(choice, fc.string(), fc.nat(9), (list, conversation, gone) => {
        const targets = targetsOf(list)
        const first = firstOf(targets, conversation)
        expect(firstOf(targets.toReversed(), conversation)).toEqual(first)
        const left = targets.filter((one, index) => index !== gone || one === first)
        expect(firstOf(left, conversation)).toEqual(first)
      }),
    )
  })
})
