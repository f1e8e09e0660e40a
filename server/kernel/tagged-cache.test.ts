import { describe, expect, test } from 'vitest'
import { createTaggedCache } from './tagged-cache.ts'

interface Row {
  text: string
  owner: string
}

function movableClock() {
  let at = 0
  return { now: () => at, monotonic: () => at, advance: (ms: number) => void (at += ms) }
}

function open(read: (key: string) => Promise<Row>, max = 100) {
  const clock = movableClock()
  let loads = 0
  const cache = createTaggedCache<string, Row>({
    load: (key) => {
      loads++
      return read(key)
    },
    tags: (row) => [row.owner],
    max,
    clock,
  })
  return { cache, clock, loads: () => loads }
}

describe('a tagged cache', () => {
  test('a dropped tag makes all its values load again, and no others', async () => {
    const { cache, loads } = open(async (key) => ({ text: key, owner: key[0]! }))
    for (const key of ['a1', 'a2', 'b1']) await cache.get(key)
    cache.dropTag('a')
    expect(cache.peek('a1')).toBeUndefined()
    expect(cache.peek('a2')).toBeUndefined()
    expect(cache.peek('b1')?.text).toBe('b1')
    await cache.get('a1')
    await cache.get('b1')
    expect(loads()).toBe(4)
    expect(cache.peek('a1')?.text).toBe('a1')
  })

  test('a read that began before the drop is not served after it', async () => {
    let text = 'old'
    const waiting: (() => void)[] = []
    const { cache } = open(async () => {
      const seen = text
      await new Promise<void>((resolve) => waiting.push(resolve))
      return { text: seen, owner: 'a' }
    })
    const first = cache.get('k')
    text = 'new'
    cache.dropTag('a')
    waiting[0]!()
    // The slow read has the old text; the cache asks again rather than hand it out.
    while (waiting.length < 2) await Promise.resolve()
    waiting[1]!()
    expect((await first).text).toBe('new')
    expect(cache.peek('k')?.text).toBe('new')
  })

  test('while the source fails, a value is served until it is stale, but never after its tag was dropped', async () => {
    let broken = false
    const { cache, clock } = open(async (key) => {
      if (broken) throw new Error('away')
      return { text: key, owner: key }
    })
    await cache.get('a')
    await cache.get('b')
    broken = true
    clock.advance(30_000)
    expect((await cache.get('a')).text).toBe('a')
    cache.dropTag('a')
    await expect(cache.get('a')).rejects.toThrow('away')
    expect((await cache.get('b')).text).toBe('b')
    clock.advance(30_000)
    await expect(cache.get('b')).rejects.toThrow('away')
  })

  test('drops are forgotten once nothing held can be older, and a drop still counts until then', async () => {
    let broken = false
    const { cache, clock } = open(async (key) => {
      if (broken) throw new Error('away')
      return { text: key, owner: 'a' }
    })
    await cache.get('k')
    cache.dropTag('a')
    clock.advance(59_000)
    for (let i = 0; i < 1000; i++) cache.dropTag(`other-${i}`)
    broken = true
    await expect(cache.get('k')).rejects.toThrow('away')
  })
})
