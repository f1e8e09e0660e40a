// A bounded map of things loaded from the database, so that the serving thread need not ask for each request.
// A value is used as it is for `freshMs`, then loaded again; while loading fails, or takes longer than anybody should
// wait, it goes on serving until `staleMs`.
// Invariant: `invalidate` wins over a load that began before it, so a revoked entry cannot come back through a slow
// read, whatever else is being loaded meanwhile.
import { type Clock, systemClock } from './clock.ts'

interface Entry<Value> {
  value: Value
  loadedAt: number
}

interface Load<Value> {
  promise: Promise<Value>
  /** Invalidated since it began: what it finds is for those who wait for it, and is not kept. */
  isOutdated: boolean
  /** Resolves when it has taken so long that what is held had better be served. */
  readonly patience: Promise<void>
}

const PATIENCE_MS = 250

export interface FreshCache<Key, Value> {
  /** The value, from memory or the loader. Rejects with the loader's error where nothing servable is held. */
  get(key: Key): Promise<Value>
  /** The value only if it is fresh in memory; the hot path's synchronous look. */
  peek(key: Key): Value | undefined
  invalidate(key: Key): void
  clear(): void
  readonly size: number
}

export function createFreshCache<Key, Value>(options: {
  load: (key: Key) => Promise<Value>
  /** Most entries held; the oldest loaded goes first. */
  max: number
  freshMs?: number
  staleMs?: number
  patienceMs?: number
  clock?: Clock
}): FreshCache<Key, Value> {
  const { load, max, freshMs = 5_000, staleMs = 60_000, patienceMs = PATIENCE_MS, clock = systemClock } = options
  const entries = new Map<Key, Entry<Value>>()
  const loading = new Map<Key, Load<Value>>()

  async function loadInto(key: Key, own: Load<Value>): Promise<Value> {
    try {
      const value = await load(key)
      if (!own.isOutdated) {
        entries.delete(key)
        entries.set(key, { value, loadedAt: clock.monotonic() })
        if (entries.size > max) entries.delete(entries.keys().next().value as Key)
      }
      return value
    } finally {
      if (loading.get(key) === own) loading.delete(key)
    }
  }

  function startLoad(key: Key): Load<Value> {
    const running = loading.get(key)
    if (running) return running
    const { promise: patience, resolve: loseIt } = Promise.withResolvers<void>()
    const own: Load<Value> = { promise: Promise.resolve() as Promise<never>, isOutdated: false, patience }
    loading.set(key, own)
    const timer = setTimeout(loseIt, patienceMs).unref()
    own.promise = loadInto(key, own).finally(() => clearTimeout(timer))
    return own
  }

  function findServable(key: Key): Entry<Value> | undefined {
    const held = entries.get(key)
    return held && clock.monotonic() - held.loadedAt < staleMs ? held : undefined
  }

  /** The value loaded, or what is held where that takes too long. */
  async function waitPatiently(key: Key, { promise, patience }: Load<Value>): Promise<Value> {
    const loaded = await Promise.race([promise.then((value) => ({ value })), patience])
    if (loaded) return loaded.value
    const held = findServable(key)
    // Dropped meanwhile: only what is loaded now counts.
    if (!held) return promise
    promise.catch(() => undefined)
    return held.value
  }

  return {
    async get(key) {
      const entry = entries.get(key)
      const age = entry ? clock.monotonic() - entry.loadedAt : Infinity
      if (entry && age < freshMs) return entry.value
      try {
        return await waitPatiently(key, startLoad(key))
      } catch (error) {
        const held = findServable(key)
        if (held) return held.value
        throw error
      }
    },
    peek(key) {
      const entry = entries.get(key)
      return entry && clock.monotonic() - entry.loadedAt < freshMs ? entry.value : undefined
    },
    invalidate(key) {
      entries.delete(key)
      const running = loading.get(key)
      if (!running) return
      running.isOutdated = true
      loading.delete(key)
    },
    clear() {
      entries.clear()
      for (const running of loading.values()) running.isOutdated = true
      loading.clear()
    },
    get size() {
      return entries.size
    },
  }
}
