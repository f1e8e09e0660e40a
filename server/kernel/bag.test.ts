// Whatever comes and goes, also while it is looked through: what is in the bag is what was added and not removed.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createBag } from './bag.ts'

test('holds what was added and not removed', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20)), { maxLength: 200 }), (steps) => {
      const bag = createBag<{ id: number }>()
      const kept: { item: { id: number }; place: number }[] = []
      for (const [id, step] of steps.entries()) {
        if (step === null || kept.length === 0) {
          const item = { id }
          kept.push({ item, place: bag.add(item) })
        } else bag.remove(kept.splice(step % kept.length, 1)[0]!.place)
        expect(bag.size).toBe(kept.length)
        expect(new Set(bag)).toEqual(new Set(kept.map(({ item }) => item)))
      }
    }),
  )
})

test('one that is removed while the bag is looked through is not met afterwards, and no other is missed', () => {
  const bag = createBag<number>()
  const places = [1, 2, 3, 4].map((item) => bag.add(item))
  const met: number[] = []
  for (const item of bag) {
    met.push(item)
    if (item === 2) for (const place of places.slice(1, 3)) bag.remove(place)
  }
  expect(met).toEqual([1, 2, 4])
})
