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
  /** Would a call go out? Lets none through: for explanations. */
  wouldAllow(key: BreakerKey): boolean
  /** The call that was let through told nothing about the provider; the next one may probe. */
  release(key: BreakerKey): void
  /** One sample per request and side. */
  record(key: BreakerKey, failed: boolean): void
  /** Milliseconds until it may be tried again; null when closed. */
  openFor(key: BreakerKey): number | null
  /** The last target is never blocked entirely: true at most once a second for a breaker that is open. */
  allowsLastResort(key: BreakerKey): boolean
  /** The same, without taking it: for explanations. */
  wouldAllowLastResort(key: BreakerKey): boolean
  /** Those that are open: for how long still, and whether for one owner's keys only. */
  listOpen(): OpenBreaker[]
  /** Open breakers, for metrics. */
  readonly openCount: number
}

export interface OpenBreaker extends Pick<BreakerKey, 'provider' | 'model' | 'side'> {
  readonly oneOwner: boolean
  readonly leftMs: number
}

export const FIRST_OPEN_MS = 10_000
const LONGEST_OPEN_MS = 120_000
const WINDOW_SECONDS = 30
const LEAST_SAMPLES = 20
const MOST_BREAKERS = 10_000

interface Gate {
  openUntil: number
  openMs: number
  probing: boolean
  lastResortAt: number
}

/** One second of samples. */
interface Bucket {
  second: number
  total: number
  failed: number
  /** Whose the failures are; null where they are several owners'. */
  owner: string | null
}

interface Breaker {
  /** A ring: the bucket of a second lies at that second modulo the window. */
  buckets: Bucket[]
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
    if (!failed) breaker.buckets = []
  }

  function judge(breaker: Breaker, key: BreakerKey, now: number): void {
    let total = 0
    let failures = 0
    const owners = new Set<string | null>()
    const oldest = secondOf(now) - WINDOW_SECONDS
    for (const bucket of breaker.buckets) {
      if (bucket === undefined || bucket.second <= oldest) continue
      total += bucket.total
      failures += bucket.failed
      if (bucket.failed > 0) owners.add(bucket.owner)
    }
    if (total < LEAST_SAMPLES || failures * 2 <= total) return
    const oneOwner = owners.size === 1 && !owners.has(null)
    if (oneOwner && key.side === 'user') {
      if (!breaker.owners.has(key.owner)) breaker.owners.set(key.owner, open(null, now))
    } else breaker.gate ??= open(null, now)
  }

  const isOpen = (gate: Gate): boolean => clock.monotonic() < gate.openUntil || gate.probing
  const hadLastResort = (gate: Gate): boolean => clock.monotonic() - gate.lastResortAt < 1_000

  return {
    allows(key) {
      const gate = gateFor(key)
      if (!gate) return true
      if (isOpen(gate)) return false
      gate.probing = true
      return true
    },
    wouldAllow(key) {
      const gate = gateFor(key)
      return gate === null || !isOpen(gate)
    },
    release(key) {
      const gate = gateFor(key)
      if (gate) gate.probing = false
    },
    record(key, failed) {
      const name = nameOf(key)
      let breaker = breakers.get(name)
      if (!breaker) {
        breaker = { buckets: [], gate: null, owners: new Map() }
        breakers.set(name, breaker)
        if (breakers.size > MOST_BREAKERS) breakers.delete(breakers.keys().next().value!)
      }
      const now = clock.monotonic()
      settleProbe(breaker, key, failed, now)
      countSample(breaker.buckets, secondOf(now), failed, key.owner)
      if (failed) judge(breaker, key, now)
    },
    openFor(key) {
      const gate = gateFor(key)
      return gate ? Math.max(gate.openUntil - clock.monotonic(), 0) : null
    },
    allowsLastResort(key) {
      const gate = gateFor(key)
      if (!gate) return true
      if (hadLastResort(gate)) return false
      gate.lastResortAt = clock.monotonic()
      return true
    },
    wouldAllowLastResort(key) {
      const gate = gateFor(key)
      return gate === null || !hadLastResort(gate)
    },
    listOpen() {
      const now = clock.monotonic()
      return [...breakers].flatMap(([name, { gate, owners }]) => {
        const [provider = '', model = '', side] = name.split('\n')
        const describe = ({ openUntil }: Gate, oneOwner: boolean): OpenBreaker => ({
          provider,
          model,
          side: side as Side,
          oneOwner,
          leftMs: Math.max(0, Math.round(openUntil - now)),
        })
        return [
          ...(gate ? [describe(gate, false)] : []),
          ...Array.from(owners.values(), (ofOwner) => describe(ofOwner, true)),
        ]
      })
    },
    get openCount() {
      let count = 0
      for (const { gate, owners } of breakers.values()) count += owners.size + (gate ? 1 : 0)
      return count
    },
  }
}

function secondOf(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}

function countSample(buckets: Bucket[], second: number, failed: boolean, owner: string): void {
  const index = second % WINDOW_SECONDS
  let bucket = buckets[index]
  if (bucket?.second !== second) bucket = buckets[index] = { second, total: 0, failed: 0, owner }
  bucket.total++
  if (!failed) return
  bucket.owner = bucket.failed === 0 || bucket.owner === owner ? owner : null
  bucket.failed++
}

function nameOf(key: BreakerKey): string {
  return `${key.provider}\n${key.model}\n${key.side}\n${key.origin}`
}
