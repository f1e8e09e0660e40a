// A bounded memory of things loaded from the database, each of which depends on several others (an API key on its
// own row and on its owner's): dropping a tag drops everything that carries it, without knowing the keys.
// Invariant: nothing that began to load before a tag was dropped is served after it, not even from a slow read and
// not even while the database is away. The check is made on reading, so there is no index that could go stale.
import type { Clock } from './clock.ts'
import { createFreshCache } from './fresh-cache.ts'

interface Tagged<Value> {
  readonly value: Value
  readonly tags: readonly string[]
  /** The number of the last drop when the load began. */
  readonly dropsBefore: number
}

export interface TaggedCache<Key, Value> {
  get(key: Key): Promise<Value>
  peek(key: Key): Value | undefined
  forget(key: Key): void
  dropTag(tag: string): void
  clear(): void
  readonly size: number
}

export function createTaggedCache<Key, Value>(options: {
  load: (key: Key) => Promise<Value>
  tags: (value: Value) => readonly string[]
  max: number
  freshMs?: number
  staleMs?: number
  clock: Clock
}): TaggedCache<Key, Value> {
  const { load, tags, max, freshMs = 5_000, staleMs = 60_000, clock } = options
  const drops = new Map<string, { number: number; at: number }>()
  // A load takes far less than this beyond the time a value may be held; older drops concern nothing any more.
  const keepDropsMs = staleMs + 60_000
  let lastDrop = 0

  const cache = createFreshCache<Key, Tagged<Value>>({
    async load(key) {
      const dropsBefore = lastDrop
      const value = await load(key)
      return { value, tags: tags(value), dropsBefore }
    },
    max,
    freshMs,
    staleMs,
    clock,
  })

  function isDropped(entry: Tagged<Value>): boolean {
    if (drops.size === 0 || entry.dropsBefore === lastDrop) return false
    return entry.tags.some((tag) => (drops.get(tag)?.number ?? 0) > entry.dropsBefore)
  }

  return {
    async get(key) {
      for (;;) {
        const entry = await cache.get(key)
        if (!isDropped(entry)) return entry.value
        cache.invalidate(key)
      }
    },
    peek(key) {
      const entry = cache.peek(key)
      if (!entry) return undefined
      if (!isDropped(entry)) return entry.value
      cache.invalidate(key)
      return undefined
    },
    forget(key) {
      cache.invalidate(key)
    },
    dropTag(tag) {
      const now = clock.monotonic()
      drops.delete(tag)
      drops.set(tag, { number: ++lastDrop, at: now })
      for (const [old, { at }] of drops) {
        if (now - at < keepDropsMs) break
        drops.delete(old)
      }
    },
    clear() {
      cache.clear()
    },
    get size() {
      return cache.size
    },
  }
}
