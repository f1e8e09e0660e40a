// Circuit breakers: is it worth calling this provider for this model on this side (users' keys, server keys) now?
// At least 20 samples and more than half failed within 30 s opens it for 10 s, doubling to 2 min; then one probe of
// real traffic decides. While all failures come from one owner it opens for that owner only.
import type { Clock } from '../kernel/clock.ts'

export type Side = 'user' | 'server'

export interface BreakerKey {
  readonly provider: string
  readonly model: string
  readonly side: Side
  /** Owner of the key; the server for its own. */
  readonly owner: string
  /** Of users' own base URLs; '' elsewhere. */
  readonly origin: string
}

export interface Breakers {
  /** May a call go out? A half-open breaker lets exactly one through. */
  allows(key: BreakerKey): boolean
  /** The call that was let through told nothing about the provider; the next one may probe. */
  release(key: BreakerKey): void
  /** One sample per request and side. */
  record(key: BreakerKey, failed: boolean): void
  /** Milliseconds until it may be tried again; null when closed. */
  openFor(key: BreakerKey): number | null
  /** The last target is never blocked entirely: true at most once a second for a breaker that is open. */
  allowsLastResort(key: BreakerKey): boolean
  /** Open breakers, for metrics. */
  readonly openCount: number
}

export const FIRST_OPEN_MS = 10_000
const LONGEST_OPEN_MS = 120_000
const WINDOW_MS = 30_000
const LEAST_SAMPLES = 20
const MOST_SAMPLES = 1_000
const MOST_BREAKERS = 10_000

interface Gate {
  openUntil: number
  openMs: number
  probing: boolean
  lastResortAt: number
}

interface Breaker {
  samples: { at: number; failed: boolean; owner: string }[]
  gate: Gate | null
  owners: Map<string, Gate>
}

export function createBreakers({ clock }: { clock: Clock }): Breakers {
  const breakers = new Map<string, Breaker>()

  function find(key: BreakerKey): Breaker | undefined {
    return breakers.get(nameOf(key))
  }

  function gateFor(key: BreakerKey): Gate | null {
    const breaker = find(key)
    return breaker ? (breaker.gate ?? breaker.owners.get(key.owner) ?? null) : null
  }

  function open(gate: Gate | null, now: number): Gate {
    const openMs = gate ? Math.min(gate.openMs * 2, LONGEST_OPEN_MS) : FIRST_OPEN_MS
    return { openUntil: now + openMs, openMs, probing: false, lastResortAt: -Infinity }
  }

  function settleProbe(breaker: Breaker, key: BreakerKey, failed: boolean, now: number): void {
    const gate = breaker.gate ?? breaker.owners.get(key.owner)
    if (!gate || now < gate.openUntil) return
    const next = failed ? open(gate, now) : null
    if (breaker.gate) breaker.gate = next
    else if (next) breaker.owners.set(key.owner, next)
    else breaker.owners.delete(key.owner)
    if (!failed) breaker.samples = []
  }

  function judge(breaker: Breaker, key: BreakerKey, now: number): void {
    const { samples } = breaker
    if (samples.length < LEAST_SAMPLES) return
    const failures = samples.filter(({ failed }) => failed)
    if (failures.length * 2 <= samples.length) return
    const oneOwner = failures.every(({ owner }) => owner === failures[0]!.owner)
    if (oneOwner && key.side === 'user') {
      if (!breaker.owners.has(key.owner)) breaker.owners.set(key.owner, open(null, now))
    } else breaker.gate ??= open(null, now)
  }

  return {
    allows(key) {
      const gate = gateFor(key)
      if (!gate) return true
      if (clock.monotonic() < gate.openUntil || gate.probing) return false
      gate.probing = true
      return true
    },
    release(key) {
      const gate = gateFor(key)
      if (gate) gate.probing = false
    },
    record(key, failed) {
      const name = nameOf(key)
      let breaker = breakers.get(name)
      if (!breaker) {
        if (!failed) return // nothing to remember of what works
        breaker = { samples: [], gate: null, owners: new Map() }
        breakers.set(name, breaker)
        if (breakers.size > MOST_BREAKERS) breakers.delete(breakers.keys().next().value!)
      }
      const now = clock.monotonic()
      settleProbe(breaker, key, failed, now)
      breaker.samples.push({ at: now, failed, owner: key.owner })
      const stale = breaker.samples.findIndex(({ at }) => at >= now - WINDOW_MS)
      const excess = Math.max(stale, breaker.samples.length - MOST_SAMPLES)
      if (excess > 0) breaker.samples.splice(0, excess)
      if (failed) judge(breaker, key, now)
      else if (!breaker.gate && breaker.owners.size === 0 && !breaker.samples.some((s) => s.failed))
        breakers.delete(name)
    },
    openFor(key) {
      const gate = gateFor(key)
      return gate ? Math.max(gate.openUntil - clock.monotonic(), 0) : null
    },
    allowsLastResort(key) {
      const gate = gateFor(key)
      if (!gate) return true
      const now = clock.monotonic()
      if (now - gate.lastResortAt < 1_000) return false
      gate.lastResortAt = now
      return true
    },
    get openCount() {
      let count = 0
      for (const { gate, owners } of breakers.values()) count += owners.size + (gate ? 1 : 0)
      return count
    },
  }
}

function nameOf(key: BreakerKey): string {
  return `${key.provider}\n${key.model}\n${key.side}\n${key.origin}`
}
