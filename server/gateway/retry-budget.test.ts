// How many repeats a provider gets: a tenth of its requests of the last ten seconds, three at least.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMovableClock } from '../../test/support/account-rooms.ts'
import { createRetryBudget } from './retry-budget.ts'

function create() {
  const clock = createMovableClock()
  const budget = createRetryBudget({ clock })
  const takeAll = (provider = 'p'): number => {
    let taken = 0
    while (taken < 10_000 && budget.take(provider)) taken++
    return taken
  }
  const count = (requests: number, provider = 'p'): void => {
    for (let i = 0; i < requests; i++) budget.countRequest(provider)
  }
  return { clock, budget, takeAll, count }
}

test.each([
  [0, 3],
  [1, 3],
  [39, 3],
  [40, 4],
  [1000, 100],
])('%i requests allow %i repeats', (requests, repeats) => {
  const { takeAll, count } = create()
  count(requests)
  expect(takeAll()).toBe(repeats)
})

test('each provider has its own', () => {
  const { takeAll, count } = create()
  count(100, 'busy')
  expect(takeAll('quiet')).toBe(3)
  expect(takeAll('busy')).toBe(10)
})

test('requests and repeats leave the account after ten seconds', () => {
  const { clock, takeAll, count } = create()
  count(100)
  expect(takeAll()).toBe(10)
  clock.advance(9_000)
  expect(takeAll()).toBe(0)
  clock.advance(1_000)
  expect(takeAll()).toBe(3)
})

test('whatever the times, no ten seconds see more than three repeats or a tenth of the requests so far', () => {
  const event = fc.record({ wait: fc.nat(3_000), kind: fc.constantFrom('request', 'repeat') })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 300 }), (events) => {
      const { clock, budget } = create()
      const requests: number[] = []
      const repeats: number[] = []
      for (const { wait, kind } of events) {
        clock.advance(wait)
        const now = clock.monotonic()
        const recent = (times: number[]): number =>
          times.filter((at) => Math.floor(at / 1000) > Math.floor(now / 1000) - 10).length
        if (kind === 'request') {
          budget.countRequest('p')
          requests.push(now)
        } else {
          const allowed = recent(repeats) < Math.max(3, Math.floor(recent(requests) / 10))
          expect(budget.take('p')).toBe(allowed)
          if (allowed) repeats.push(now)
        }
      }
    }),
  )
})
