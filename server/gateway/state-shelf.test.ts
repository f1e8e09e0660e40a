// What is kept for tenants: bounded for each and for all, and gone when nobody asked for it in a while.
import { describe, expect, test } from 'vitest'
import { createStateShelf, type ShelfLimits, type StateShelf } from './state-shelf.ts'

const wide: ShelfLimits = { keptMs: 1000, entriesPerTenant: 100, bytesPerTenant: 1e6, entries: 100, bytes: 1e6 }
const shelfOf = (limits: Partial<ShelfLimits>): { shelf: StateShelf<string>; pass: (ms: number) => void } => {
  let now = 0
  const clock = { now: () => now, monotonic: () => now }
  return { shelf: createStateShelf({ ...wide, ...limits }, clock), pass: (ms) => void (now += ms) }
}
const names = (shelf: StateShelf<string>, tenant: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `n${at}`).filter((name) => shelf.get(tenant, name) !== undefined)
const fill = (shelf: StateShelf<string>, tenant: string, count: number): void => {
  for (let at = 0; at < count; at++) shelf.put(tenant, `n${at}`, tenant, 10)
}

describe('the bounds', () => {
  test('a tenant who keeps much loses its own oldest things, not those of others', () => {
    const { shelf } = shelfOf({ entriesPerTenant: 3 })
    fill(shelf, 'bob', 1)
    fill(shelf, 'alice', 10)
    expect(names(shelf, 'alice', 10)).toEqual(['n7', 'n8', 'n9'])
    expect(names(shelf, 'bob', 1)).toEqual(['n0'])
  })

  test('bytes count as entries do, and what was used lately stays', () => {
    const { shelf } = shelfOf({ bytesPerTenant: 2_000 })
    fill(shelf, 'alice', 4)
    shelf.get('alice', 'n0')
    shelf.put('alice', 'big', 'x', 1_000)
    expect(names(shelf, 'alice', 4)).toEqual(['n0', 'n2', 'n3'])
    shelf.put('alice', 'huge', 'x', 10_000)
    expect(shelf.get('alice', 'huge')).toBeUndefined()
    expect([shelf.size, shelf.bytes]).toEqual([0, 0])
  })

  test('all together have one: who came last loses last', () => {
    const { shelf } = shelfOf({ entries: 5 })
    fill(shelf, 'alice', 4)
    fill(shelf, 'bob', 3)
    expect(names(shelf, 'alice', 4)).toEqual(['n2', 'n3'])
    expect(names(shelf, 'bob', 3)).toHaveLength(3)
    expect(shelf.size).toBe(5)
  })

  test('the same name again takes no more room', () => {
    const { shelf } = shelfOf({})
    for (let round = 0; round < 3; round++) shelf.put('alice', 'n', 'v', 10)
    const { bytes } = shelf
    shelf.put('alice', 'n', 'v', 10)
    expect([shelf.size, shelf.bytes]).toEqual([1, bytes])
  })
})

test('what nobody asked for in a while is gone; what is asked for stays', () => {
  const { shelf, pass } = shelfOf({})
  fill(shelf, 'alice', 2)
  pass(900)
  expect(shelf.get('alice', 'n0')).toBe('alice')
  pass(900)
  expect([shelf.get('alice', 'n0'), shelf.get('alice', 'n1')]).toEqual(['alice', undefined])
  expect(shelf.get('bob', 'n0')).toBeUndefined()
})
