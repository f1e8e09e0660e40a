// Whose turn it is to ask with a key, and what the answer teaches of that key: written into the memory of this process
// and, of users' keys, through the database to the others.
// Invariants: while a state lasts nobody asks; when its time is over one request asks, on all instances together, and
// the others meet the state until it has its answer; what was begun before a state was entered changes nothing about
// it.
import type { Suspension } from '../features/provider-keys/pauses.ts'
import type { ModelHealth, Probe, ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { Clock } from '../kernel/clock.ts'
import type { KeyFate } from './chain.ts'
import type { Target } from './exchange.ts'
import { PROBE_MS, type Health, type Turn as KeyTurn } from './health.ts'
import { healthName, serverKeyName } from './plan.ts'

/** The part of the room that keeps users' keys which remembers how they fared. */
export interface KeyMemory {
  /** In the background, compare-and-set on the key's version. */
  markStatus(
    record: ProviderKeyRecord,
    status: 'active' | 'invalid' | 'exhausted',
    reason: string | null,
    found?: { readonly probe?: Probe | null; readonly begunAt?: number },
  ): void
  markModel(record: ProviderKeyRecord, health: ModelHealth): void
  /** Moves the end of the key's pause to then, so that no other instance probes it meanwhile; false: one does already. */
  claimProbe(record: ProviderKeyRecord, until: number): Promise<boolean>
  /** The probe claimed until then came to nothing: the next may be made. In the background. */
  releaseProbe(record: ProviderKeyRecord, until: number): void
}

/** What comes of a try is told here, at most once each; `end` always. */
export interface Turn {
  /** The provider has begun a good answer. */
  served(): void
  suspended(fate: Suspension, reason: string | null): void
  /** Until when, epoch ms. */
  cooled(retryAfterMs: number | null): number
  restricted(): void
  /** For this use of the model: an operation's id. */
  unfit(use: string): void
  end(): void
}

export interface Turns {
  /** `scope`: what a rate limit of this key is remembered for. */
  take(target: Pick<Target, 'key' | 'provider'>, scope: string): Turn | KeyFate | Promise<Turn | KeyFate>
}

export function createTurns(tools: {
  readonly health: Health
  readonly keys: KeyMemory
  readonly clock: Clock
}): Turns {
  const { health, keys, clock } = tools

  function createTurn(record: ProviderKeyRecord | null, turn: KeyTurn, claimedUntil: number | null): Turn {
    let isSettled = false
    return {
      served() {
        if (isSettled) return
        isSettled = true
        health.succeed(turn)
        if (record) keys.markStatus(record, 'active', null, { begunAt: turn.begunAt })
      },
      suspended(fate, reason) {
        isSettled = true
        const probe = health.suspend(turn, fate, record?.status === fate ? (record.probe?.afterMs ?? 0) : 0)
        if (record && probe) keys.markStatus(record, fate, reason, { probe, begunAt: turn.begunAt })
      },
      cooled(retryAfterMs) {
        const until = health.cool(turn, retryAfterMs)
        if (record) keys.markModel(record, { model: turn.model, status: 'cooling', until })
        return until
      },
      restricted() {
        const until = health.restrict(turn)
        if (record) keys.markModel(record, { model: turn.model, status: 'restricted', until })
      },
      // Other instances find it out for themselves: it may be their address that is taken.
      unfit: (use) => health.setUnfit(turn, use),
      end() {
        health.end(turn)
        if (record && claimedUntil !== null && !isSettled) keys.releaseProbe(record, claimedUntil)
        isSettled = true
      },
    }
  }

  /** `fate`: the state of the whole key whose end the turn is to find out. */
  async function claim(record: ProviderKeyRecord, turn: KeyTurn, fate: Suspension): Promise<Turn | KeyFate> {
    const until = clock.now() + PROBE_MS
    if (await keys.claimProbe(record, until)) return createTurn(record, turn, until)
    health.end(turn)
    return fate
  }

  return {
    take({ key, provider }, scope) {
      if (!key) {
        const turn = health.begin(serverKeyName(provider.id), scope)
        return typeof turn === 'string' ? turn : createTurn(null, turn, null)
      }
      const { status, probe } = key
      const isSetAside = (status === 'invalid' || status === 'exhausted') && probe !== null
      const known = isSetAside ? { fate: status, heldMs: probe.afterMs } : null
      const turn = health.begin(healthName(key), scope, known)
      if (typeof turn === 'string') return turn
      return turn.probes && known ? claim(key, turn, known.fate) : createTurn(key, turn, null)
    },
  }
}
