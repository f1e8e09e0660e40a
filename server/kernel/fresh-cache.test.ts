// Memory over a slow source: what was invalidated while it was being read is not kept, however many reads there are.
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createFreshCache } from './fresh-cache.ts'

/** Reads that end when the test says so, in any order. */
function begin(options: { max?: number; freshMs?: number; staleMs?: number; patienceMs?: number } = {}) {
  const time = { now: 0 }
  const reads: { key: string; end(value: string): void; fail(error: Error): void }[] = []
  const cache = createFreshCache<string, string>({
    load(key) {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      reads.push({ key, end: resolve, fail: reject })
      return promise
    },
    max: 10,
    clock: { now: () => time.now, monotonic: () => time.now },
    ...options,
  })
  return { cache, reads, time }
}

test('one read serves all who wait for it, and then memory does until it is no longer fresh', async () => {
  const { cache, reads, time } = begin({ freshMs: 1_000 })
  const both = Promise.all([cache.get('a'), cache.get('a')])
  reads[0]!.end('first')
  expect(await both).toEqual(['first', 'first'])
  time.now = 999
  expect([await cache.get('a'), cache.peek('a'), reads.length]).toEqual(['first', 'first', 1])
  time.now = 1_000
  expect(cache.peek('a')).toBeUndefined()
  const again = cache.get('a')
  reads[1]!.end('second')
  expect(await again).toBe('second')
})

test('what was invalidated while it was read is not kept', async () => {
  const { cache, reads } = begin()
  const slow = cache.get('a')
  cache.invalidate('a')
  const next = cache.get('a')
  reads[1]!.end('new')
  expect(await next).toBe('new')
  reads[0]!.end('old')
  expect(await slow).toBe('old')
  expect(cache.peek('a')).toBe('new')
})

test('nor where reads of other things end in between', async () => {
  const { cache, reads } = begin()
  const slow = cache.get('a')
  cache.invalidate('a')
  const other = cache.get('b')
  reads[1]!.end('b')
  await other
  reads[0]!.end('old')
  await slow
  expect(cache.peek('a')).toBeUndefined()
  expect([cache.peek('b'), cache.size]).toEqual(['b', 1])
})

test('nor where it was invalidated twice, or everything was forgotten', async () => {
  const { cache, reads } = begin()
  const slow = [cache.get('a')]
  cache.invalidate('a')
  slow.push(cache.get('a'))
  cache.clear()
  slow.push(cache.get('a'))
  cache.invalidate('a')
  for (const [index, { end }] of reads.entries()) end(`read ${index}`)
  expect(await Promise.all(slow)).toEqual(['read 0', 'read 1', 'read 2'])
  expect([cache.peek('a'), cache.size]).toEqual([undefined, 0])
})

test('where reading fails, memory serves for a while longer, and the next one reads again', async () => {
  const { cache, reads, time } = begin({ freshMs: 1_000, staleMs: 5_000 })
  const first = cache.get('a')
  reads[0]!.end('known')
  await first
  time.now = 4_999
  const second = cache.get('a')
  reads[1]!.fail(new Error('away'))
  expect(await second).toBe('known')
  time.now = 5_000
  const third = cache.get('a')
  reads[2]!.fail(new Error('still away'))
  await expect(third).rejects.toThrow('still away')
})

test('holds no more than so many', async () => {
  const { cache, reads } = begin({ max: 2 })
  const all = ['a', 'b', 'c'].map((key) => cache.get(key))
  for (const { key, end } of reads) end(key)
  await Promise.all(all)
  expect([cache.size, cache.peek('a'), cache.peek('c')]).toEqual([2, undefined, 'c'])
})

test('where reading takes too long, memory serves meanwhile, and what was dropped is waited for', async () => {
  const { cache, reads, time } = begin({ freshMs: 1_000, staleMs: 60_000, patienceMs: 1 })
  const first = cache.get('a')
  reads[0]!.end('known')
  await first
  time.now = 5_000
  expect(await cache.get('a')).toBe('known')
  // The same reading is still under way, and nobody waits for it again.
  expect(await cache.get('a')).toBe('known')
  expect(reads).toHaveLength(2)
  reads[1]!.fail(new Error('away'))
  await nextTurn()
  const newer = cache.get('a')
  reads[2]!.end('newer')
  expect(await newer).toBe('newer')
  time.now = 10_000
  const dropped = cache.get('a')
  cache.invalidate('a')
  expect(await Promise.race([dropped, wait(20, 'waits')])).toBe('waits')
  reads[3]!.end('newest')
  expect(await dropped).toBe('newest')
})
