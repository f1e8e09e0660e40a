// Reasoning state of one provider on its way through a client that speaks another dialect. It travels sealed in the
// client's own slot, and, since many clients drop what they do not know, is kept here for a while: by the ids of tool
// calls and by a digest of what the assistant said. Of state that clients carry natively only whose it is gets kept.
// Invariant: only opaque state is kept, sealed like the envelope, in memory (and in Redis where there is one), per
// tenant, with bounds and an expiry; of readable thoughts no more than a digest that tells whether they came back
// unchanged.
import type { Redis } from '../database/redis.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Item, Signature } from '../protocols/canonical.ts'
import { createEnvelopes } from './envelope.ts'
import {
  contentOf,
  isAssistants,
  placeStates,
  readStates,
  splitRuns,
  splitSegments,
  type SeenWords,
  type Segment,
  type State,
} from './state-places.ts'
import { createSharedShelf } from './shared-shelf.ts'
import { createStateShelf, type ShelfLimits } from './state-shelf.ts'

/** Whose key made a piece of state: provider id, and the bare id of a provider key or `server:<provider>`. */
export type Producer = Pick<Signature, 'provider' | 'account'>

export interface ReasoningState {
  seal(tenant: string, signature: Signature): string
  /** null where it is no envelope of ours, another tenant's, or damaged. */
  open(tenant: string, text: string): Signature | null
  /** Keeps the state of an answer. */
  remember(tenant: string, items: readonly Item[]): void
  /** The items with what `provider` made and a client dropped put back, where a call or the words are known. */
  restore(tenant: string, items: readonly Item[], provider: string): readonly Item[]
  /** Notes whose key made a value that a client carries as the provider wrote it. */
  noteProducer(tenant: string, value: string, producer: Producer): void
  producerOf(tenant: string, value: string): Producer | null
  /** Learns what other instances keep of this tenant; null where there is nothing to wait for. */
  refresh(tenant: string): Promise<void> | null
  /** Is anything kept for this tenant? */
  holdsFor(tenant: string): boolean
  readonly size: number
}

const LIMITS: ShelfLimits = {
  keptMs: 6 * 3_600_000,
  entriesPerTenant: 5_000,
  bytesPerTenant: 16 * 1024 * 1024,
  entries: 50_000,
  bytes: 64 * 1024 * 1024,
}

interface KeptState {
  readonly place: State<unknown>['place']
  readonly sealed: string
  readonly words: { readonly length: number; readonly digest: string } | null
}

/** By segments of a turn; of one call alone there is one. */
type Kept = readonly (readonly KeptState[])[]

/** `secret`: key material of this installation that seals no provider key. */
export function createReasoningState({
  secret,
  clock,
  redis = null,
  limits = LIMITS,
}: {
  secret: Uint8Array
  clock: Clock
  /** Shares it with other instances; null: memory alone. */
  redis?: Pick<Redis, 'isUp' | 'send'> | null
  limits?: ShelfLimits
}): ReasoningState {
  const { seal, open, digest } = createEnvelopes(secret)
  const own = createStateShelf<Kept>(limits, clock)
  const shared = redis && createSharedShelf({ shelf: own, redis, keptMs: limits.keptMs })
  const shelf = shared ?? own

  function keep(tenant: string, name: string, kept: Kept): void {
    const bytes = kept.flat().reduce((sum, { sealed }) => sum + sealed.length, 0)
    shelf.put(tenant, name, kept, bytes)
  }

  function sealState(tenant: string, { place, signature, words }: State<string>): KeptState {
    const seen = words === null ? null : { length: words.length, digest: digest(tenant, words) }
    return { place, sealed: seal(tenant, signature), words: seen }
  }

  function openStates(tenant: string, kept: readonly KeptState[], provider: string): State<SeenWords>[] {
    return kept.flatMap(({ place, sealed, words }) => {
      const signature = open(tenant, sealed)
      // What another provider could not read was not sent, so nothing is lost.
      if (signature?.provider !== provider) return []
      const matches = (text: string): boolean => digest(tenant, text) === words?.digest
      return [{ place, signature, words: words && { length: words.length, matches } }]
    })
  }

  /** By the ids of calls; where one is not known, by what was said and called. */
  function findStates(tenant: string, run: readonly Item[], segments: readonly Segment[]): Kept | null {
    const byCall = segments.map(({ call }) => (call ? shelf.get(tenant, callName(call.id))?.[0] : undefined))
    const isWhole = segments.every(({ call }, at) => call === null || byCall[at] !== undefined)
    const content = isWhole && segments.length > 1 ? '' : contentOf(run)
    const whole = content === '' ? undefined : shelf.get(tenant, contentName(digest(tenant, content)))
    const fits = whole?.length === segments.length
    if (!fits && byCall.every((kept) => kept === undefined)) return null
    return segments.map((_, at) => byCall[at] ?? (fits ? whole[at]! : []))
  }

  return {
    seal,
    open,
    remember(tenant, items) {
      const run = items.filter(isAssistants)
      const segments = splitSegments(run)
      const kept = segments.map((segment) => readStates(segment).map((state) => sealState(tenant, state)))
      if (kept.every((states) => states.length === 0)) return
      for (const [at, { call }] of segments.entries()) {
        if (call && kept[at]!.length > 0) keep(tenant, callName(call.id), [kept[at]!])
      }
      const content = contentOf(run)
      if (content !== '') keep(tenant, contentName(digest(tenant, content)), kept)
    },
    restore(tenant, items, provider) {
      if (!shelf.holdsFor(tenant)) return items
      return splitRuns(items).flatMap((run) => {
        if (!isAssistants(run[0]!)) return run
        const segments = splitSegments(run)
        const states = findStates(tenant, run, segments)?.map((kept) => openStates(tenant, kept, provider))
        return states?.some((some) => some.length > 0) ? placeStates(segments, states) : run
      })
    },
    noteProducer(tenant, value, { provider, account }) {
      const producer: Signature = { provider, account, model: '', kind: 'unsigned', value: '' }
      const sealed = seal(tenant, producer)
      keep(tenant, valueName(digest(tenant, value)), [[{ place: 'before', sealed, words: null }]])
    },
    producerOf(tenant, value) {
      const kept = shelf.get(tenant, valueName(digest(tenant, value)))?.[0]?.[0]
      const producer = kept && open(tenant, kept.sealed)
      return producer ? { provider: producer.provider, account: producer.account } : null
    },
    refresh: (tenant) => shared?.refresh(tenant) ?? null,
    holdsFor: (tenant) => shelf.holdsFor(tenant),
    get size() {
      return shelf.size
    },
  }
}

const callName = (id: string): string => `call ${id}`
const contentName = (digested: string): string => `said ${digested}`
const valueName = (digested: string): string => `value ${digested}`
