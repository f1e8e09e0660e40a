// Circuit breakers: is it worth calling this provider for this model on this side (users' keys, server keys) now?
// At least 20 samples and more than half failed within 30 s opens it for 10 s, doubling to 2 min; then one probe of
// real traffic decides. While all failures come from one owner it opens for that owner only.
// Samples are counted per instance; an opening, its end, the probe and the turns of the last target are all instances'
// where something is shared (shared-gates.ts). Invariant: where no breaker is open nothing is asked and nothing waits.
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
  /**
   * May a call go out? A half-open breaker lets exactly one through, of all instances; only then it is a promise.
   * `asker`: whoever gives the probe back, and nobody else can.
   */
  allows(key: BreakerKey, asker: unknown): boolean | Promise<boolean>
  /** Would a call go out? Lets none through: for explanations. */
  wouldAllow(key: BreakerKey): boolean
  /** A call told nothing about the provider: if it was the probe, the next one may probe. */
  release(key: BreakerKey, asker: unknown): void
  /**
   * A stream has begun: it may go on for long, and others need not wait for its end to ask a provider that answers. What
   * becomes of it is recorded all the same.
   */
  answered(key: BreakerKey): void
  /** One sample per request and side. */
  record(key: BreakerKey, failed: boolean): void
  /** Milliseconds until it may be tried again; null when closed. */
  openFor(key: BreakerKey): number | null
  /** The last target is never blocked entirely: true at most once a second for a breaker that is open. */
  allowsLastResort(key: BreakerKey): boolean | Promise<boolean>
  /** The same, without taking it: for explanations. */
  wouldAllowLastResort(key: BreakerKey): boolean
  /** Those that are open: for how long still, and whether for one owner's keys only. */
  listOpen(): OpenBreaker[]
  /** Those that keep one owner’s keys from being asked, at the vendors and at these base URLs. */
  listOpenFor(owner: string, origins: readonly string[]): OpenBreaker[]
  /** Open breakers, for metrics. */
  readonly openCount: number
  /** Openings since the start, by who found out. */
  readonly openings: { readonly here: number; readonly elsewhere: number }
}

/** A gate is of one owner's keys, or (null) of everybody's. */
export interface GateName extends Omit<BreakerKey, 'owner'> {
  readonly owner: string | null
}

/** What is known of a gate among all instances. */
export interface ToldGate {
  readonly name: GateName
  /** Until it may be tried again; 0 or less: it is half open. */
  readonly leftMs: number
  readonly openMs: number
  /** null: it is not closed. */
  readonly closedAgoMs: number | null
}

/** `mine`: this instance sends the probe. `taken`: another is sending it. */
export interface Claim {
  readonly kind: 'mine' | 'taken' | 'open' | 'closed'
  readonly leftMs: number
  readonly openMs: number
}

/** Where instances meet; nothing here rejects, and while it does not answer the asker decides. */
export interface SharedGates {
  readonly isUp: boolean
  /** Hears, now and then, of all gates that are open or were closed lately. */
  hear(learn: (told: readonly ToldGate[]) => void): void
  tellOpen(name: GateName, openMs: number): void
  tellClosed(name: GateName): void
  claimProbe(name: GateName, gate: { readonly openMs: number; readonly openedAgoMs: number }): Promise<Claim>
  releaseProbe(name: GateName): void
  /** One in so many milliseconds: how long to wait for it; 0 = it is the asker's. */
  claimTurn(name: GateName, lengthMs: number): Promise<number>
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
const MOST_OWNERS = 1_000
const LAST_RESORT_MS = 1_000
/** While another instance probes, it is asked again so often whether that is over. */
const LONGEST_HOLD_MS = 1_000
/** Two instances that open at the same time agree about the end but for so much. */
const SAME_MS = 500
/** As long as Redis keeps a half-open gate that nobody tries. */
const FORGOTTEN_MS = 600_000

interface Gate {
  readonly openUntil: number
  readonly openMs: number
  /** Whose probe is under way here. */
  probe: { readonly asker: unknown } | null
  /** Its probe is under way elsewhere, until then at the most. */
  heldUntil: number
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
  readonly of: Omit<BreakerKey, 'owner'>
  /** A ring: the bucket of a second lies at that second modulo the window. */
  buckets: Bucket[]
  gate: Gate | null
  owners: Map<string, Gate>
}

// size: the breakers and the rules of one; what all instances share comes in at the same places.
export function createBreakers({ clock, shared = null }: { clock: Clock; shared?: SharedGates | null }): Breakers {
  const breakers = new Map<string, Breaker>()
  const openings = { here: 0, elsewhere: 0 }

  function gateFor(key: BreakerKey): Gate | null {
    const breaker = breakers.get(nameOf(key))
    return breaker ? (breaker.gate ?? breaker.owners.get(key.owner) ?? null) : null
  }

  /** Everybody's where there is one, else the owner's. */
  function gateName({ provider, model, side, origin, owner }: BreakerKey): GateName {
    const isForAll = Boolean(breakers.get(nameOf({ provider, model, side, origin }))?.gate)
    return { provider, model, side, origin, owner: isForAll ? null : owner }
  }

  function findOrCreate(key: Omit<BreakerKey, 'owner'>): Breaker {
    const name = nameOf(key)
    const known = breakers.get(name)
    if (known) return known
    const { provider, model, side, origin } = key
    const breaker: Breaker = { of: { provider, model, side, origin }, buckets: [], gate: null, owners: new Map() }
    if (breakers.size >= MOST_BREAKERS) forgetOne(breakers)
    breakers.set(name, breaker)
    return breaker
  }

  function put(breaker: Breaker, owner: string | null, gate: Gate): void {
    if (owner === null) {
      breaker.gate = gate
      // It stands for theirs as well: nobody would hear of a probe that one of them has under way.
      breaker.owners.clear()
      return
    }
    breaker.owners.set(owner, gate)
    if (breaker.owners.size > MOST_OWNERS) breaker.owners.delete(breaker.owners.keys().next().value!)
  }

  function remove(breaker: Breaker, owner: string | null): void {
    if (owner === null) breaker.gate = null
    else breaker.owners.delete(owner)
  }

  function open(breaker: Breaker, owner: string | null, openMs: number): void {
    put(breaker, owner, createGate(clock.monotonic() + openMs, openMs))
    openings.here++
    shared?.tellOpen({ ...breaker.of, owner }, openMs)
  }

  function settleProbe(breaker: Breaker, key: BreakerKey, failed: boolean, now: number): void {
    const gate = breaker.gate ?? breaker.owners.get(key.owner)
    if (!gate || now < gate.openUntil) return
    const owner = breaker.gate ? null : key.owner
    if (failed) return open(breaker, owner, Math.min(gate.openMs * 2, LONGEST_OPEN_MS))
    remove(breaker, owner)
    breaker.buckets = []
    shared?.tellClosed({ ...breaker.of, owner })
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
    const owner = oneOwner && key.side === 'user' ? key.owner : null
    if (owner === null ? !breaker.gate : !breaker.owners.has(owner)) open(breaker, owner, FIRST_OPEN_MS)
  }

  /** What others found out. What is known here stays, unless theirs came later. */
  function learn(told: readonly ToldGate[]): void {
    const now = clock.monotonic()
    for (const { name, leftMs, openMs, closedAgoMs } of told) {
      const known = breakers.get(nameOf(name))
      const gate = name.owner === null ? known?.gate : known?.owners.get(name.owner)
      if (closedAgoMs !== null) {
        if (!known || !gate || now - closedAgoMs <= gate.openUntil - gate.openMs) continue
        remove(known, name.owner)
        known.buckets = []
      } else if (!gate || now + leftMs > gate.openUntil + SAME_MS) {
        put(known ?? findOrCreate(name), name.owner, createGate(now + leftMs, openMs))
        if (leftMs > 0) openings.elsewhere++
      }
    }
    for (const { breaker, gate, owner } of listGates()) {
      if (!gate.probe && now - gate.openUntil > FORGOTTEN_MS) remove(breaker, owner)
    }
  }

  async function claimProbe(shared: SharedGates, key: BreakerKey, gate: Gate): Promise<boolean> {
    const name = gateName(key)
    const openedAgoMs = clock.monotonic() - (gate.openUntil - gate.openMs)
    const claim = await shared.claimProbe(name, { openMs: gate.openMs, openedAgoMs })
    if (claim.kind === 'mine') return true
    gate.probe = null
    if (claim.kind === 'taken') gate.heldUntil = clock.monotonic() + Math.min(claim.leftMs, LONGEST_HOLD_MS)
    else learn([{ name, ...claim, closedAgoMs: claim.kind === 'closed' ? 0 : null }])
    return claim.kind === 'closed'
  }

  async function claimLastResort(shared: SharedGates, key: BreakerKey, gate: Gate): Promise<boolean> {
    const waitMs = await shared.claimTurn(gateName(key), LAST_RESORT_MS)
    if (waitMs > 0) gate.lastResortAt = clock.monotonic() - LAST_RESORT_MS + waitMs
    return waitMs <= 0
  }

  function listGates(): { breaker: Breaker; gate: Gate; owner: string | null }[] {
    const found = []
    for (const breaker of breakers.values()) {
      if (breaker.gate) found.push({ breaker, gate: breaker.gate, owner: null })
      for (const [owner, gate] of breaker.owners) found.push({ breaker, gate, owner })
    }
    return found
  }

  function describe({ breaker, gate, owner }: ReturnType<typeof listGates>[number]): OpenBreaker {
    const { provider, model, side } = breaker.of
    const leftMs = Math.max(0, Math.round(gate.openUntil - clock.monotonic()))
    return { provider, model, side, oneOwner: owner !== null, leftMs }
  }

  function isOpen({ openUntil, heldUntil, probe }: Gate): boolean {
    const now = clock.monotonic()
    return now < openUntil || now < heldUntil || probe !== null
  }
  const hadLastResort = (gate: Gate): boolean => clock.monotonic() - gate.lastResortAt < LAST_RESORT_MS

  shared?.hear(learn)
  return {
    allows(key, asker) {
      const gate = gateFor(key)
      if (!gate) return true
      if (isOpen(gate)) return false
      gate.probe = { asker }
      return shared?.isUp ? claimProbe(shared, key, gate) : true
    },
    wouldAllow(key) {
      const gate = gateFor(key)
      return gate === null || !isOpen(gate)
    },
    release(key, asker) {
      const gate = gateFor(key)
      if (!gate?.probe || gate.probe.asker !== asker) return
      gate.probe = null
      shared?.releaseProbe(gateName(key))
    },
    answered(key) {
      if (gateFor(key)) settleProbe(findOrCreate(key), key, false, clock.monotonic())
    },
    record(key, failed) {
      const breaker = findOrCreate(key)
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
      return shared?.isUp ? claimLastResort(shared, key, gate) : true
    },
    wouldAllowLastResort(key) {
      const gate = gateFor(key)
      return gate === null || !hadLastResort(gate)
    },
    listOpen: () => listGates().map(describe),
    listOpenFor(owner, origins) {
      const mine = listGates().filter((one) => {
        const { side, origin } = one.breaker.of
        return side === 'user' && (one.owner ?? owner) === owner && (origin === '' || origins.includes(origin))
      })
      return mine.map(describe)
    },
    get openCount() {
      let count = 0
      for (const { gate, owners } of breakers.values()) count += owners.size + (gate ? 1 : 0)
      return count
    },
    openings,
  }
}

/** The oldest that is closed: whoever asks for many models must not open what keeps others from a provider that fails. */
function forgetOne(breakers: Map<string, Breaker>): void {
  let oldest: string | undefined
  for (const [name, { gate, owners }] of breakers) {
    oldest ??= name
    if (gate === null && owners.size === 0) return void breakers.delete(name)
  }
  if (oldest !== undefined) breakers.delete(oldest)
}

function createGate(openUntil: number, openMs: number): Gate {
  return { openUntil, openMs, probe: null, heldUntil: -Infinity, lastResortAt: -Infinity }
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

function nameOf({ provider, model, side, origin }: Omit<BreakerKey, 'owner'>): string {
  return `${provider}\n${model}\n${side}\n${origin}`
}
