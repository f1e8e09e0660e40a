// From the text of an API key to its context, from memory where possible.
// Invariants: form and checksum reject before any hash or query; memory is keyed by the full digest, never by the key
// or a piece of it; a text past its expiry never passes, however fresh the copy; what is not a key is remembered only
// briefly and in a small place of its own, so that guesses cannot push real keys out.
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createTaggedCache } from '../../kernel/tagged-cache.ts'
import { buildContext, type ApiKeyContext, type KeyRefusal } from './context.ts'
import { digestApiKey, isWellFormedApiKey } from './key-format.ts'
import type { ApiKeyStore } from './store.ts'

const MAX_KEYS = 50_000
const MAX_REFUSED = 2_000
const REFUSED_MS = 2_000
// With the second between two looks at a running answer, and a slow query, a key revoked elsewhere is noticed within
// five.
const FRESH_MS = 3_000

type Refusal = KeyRefusal | 'unknown' | 'malformed' | 'expired'
type Lookup = ApiKeyContext | Exclude<Refusal, 'malformed' | 'expired'>

const SENTENCES: Record<Refusal, string | undefined> = {
  malformed: undefined,
  unknown: undefined,
  revoked: 'This UniRoute API key was revoked. Create a new one.',
  expired: 'This UniRoute API key has expired. Create a new one, or move its expiry date.',
  'account-off': 'The account of this UniRoute API key is switched off. Ask an administrator.',
}

/** Ids whose change changes what the key may do. */
function tagsOf({ keyId, principal: { userId, teamId } }: ApiKeyContext): string[] {
  return teamId === null ? [keyId, userId] : [keyId, userId, teamId]
}

export interface KeyMemory {
  authenticate(key: string): Promise<ApiKeyContext>
  /** The context only if it is fresh in memory: no promise, no query. */
  peek(key: string): ApiKeyContext | undefined
  /** Drops what is held about a key, a user or a team. */
  invalidate(id: string): void
  readonly size: number
}

export function createKeyMemory(options: { store: ApiKeyStore; clock: Clock; max?: number }): KeyMemory {
  const { store, clock, max = MAX_KEYS } = options
  const refused = new Map<string, { why: Refusal; until: number }>()
  const held = createTaggedCache<string, Lookup>({
    async load(digest) {
      const state = await store.findByDigest(digest)
      return state ? buildContext(state, digest) : 'unknown'
    },
    tags: (value) => (typeof value === 'string' ? [] : tagsOf(value)),
    max,
    freshMs: FRESH_MS,
    clock,
  })

  function refuse(why: Refusal): GatewayError {
    const message = SENTENCES[why]
    return new GatewayError('invalid_api_key', message === undefined ? {} : { message })
  }

  function remember(digest: string, why: Refusal): void {
    held.forget(digest)
    refused.delete(digest)
    refused.set(digest, { why, until: clock.monotonic() + REFUSED_MS })
    if (refused.size > MAX_REFUSED) refused.delete(refused.keys().next().value as string)
  }

  function hasEnded(context: ApiKeyContext): boolean {
    return context.expiresAt !== null && context.expiresAt <= clock.now()
  }

  return {
    async authenticate(key) {
      if (!isWellFormedApiKey(key)) throw refuse('malformed')
      const digest = digestApiKey(key)
      const known = refused.get(digest)
      if (known && clock.monotonic() < known.until) throw refuse(known.why)
      const found = await held.get(digest)
      if (typeof found === 'string') {
        remember(digest, found)
        throw refuse(found)
      }
      if (hasEnded(found)) throw refuse('expired')
      return found
    },
    peek(key) {
      if (!isWellFormedApiKey(key)) return undefined
      const found = held.peek(digestApiKey(key))
      return found === undefined || typeof found === 'string' || hasEnded(found) ? undefined : found
    },
    invalidate(id) {
      held.dropTag(id)
      // Few and short-lived: cheaper to forget all than to know which belong to whom.
      refused.clear()
    },
    get size() {
      return held.size + refused.size
    },
  }
}
