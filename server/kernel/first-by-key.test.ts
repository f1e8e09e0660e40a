// Against plain searches through lists, over random orders.
import { describe, expect, test } from 'vitest'
import { createRandom } from '../../test/support/random.ts'
import { FirstByKey } from './first-by-key.ts'

interface Call {
  readonly id: string
  readonly name: string
}

describe('the first under a key', () => {
  test('is what a search through the list finds, whichever key it is asked by', () => {
    const random = createRandom()
    for (let round = 0; round < 500; round++) {
      const open: Call[] = []
      const kept = new FirstByKey<Call>()
      for (let step = 0; step < 40; step++) {
        const [id, name] = [`c${random.below(6)}`, `n${random.below(3)}`]
        if (random.chance(0.5)) {
          const call = { id, name }
          open.push(call)
          kept.add(call, [`id ${id}`, `name ${name}`, 'any'])
        } else {
          const by = random.below(3)
          const at = open.findIndex((one) => (by === 0 ? one.id === id : by === 1 ? one.name === name : true))
          const found = at === -1 ? undefined : open.splice(at, 1)[0]
          expect(kept.take([`id ${id}`, `name ${name}`, 'any'][by])).toBe(found)
          if (found) expect(kept.wasTaken(found)).toBe(true)
        }
      }
      expect(open.every((one) => !kept.wasTaken(one))).toBe(true)
    }
  })

  test('counts from a place on, and what stands before it is left', () => {
    const kept = new FirstByKey<string>()
    for (const [at, thing] of ['a', 'b', 'c', 'd'].entries()) kept.add(thing, ['x'], at)
    expect([kept.take('x', 1), kept.take('x', 3), kept.take('x', 3)]).toEqual(['b', 'd', undefined])
    expect(['a', 'b', 'c', 'd'].map((thing) => kept.wasTaken(thing))).toEqual([false, true, false, true])
  })
})
