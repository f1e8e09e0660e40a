// Which keys a request may use besides the caller's own: the leases in force for them, from memory where possible, each
// with the key as its owner's list has it now. What ended here stops serving with the next request.
import type { Clock } from '../../kernel/clock.ts'
import { readBudget } from '../../kernel/limits.ts'
import type { BudgetPeriod } from '../../kernel/periods.ts'
import { createTaggedCache } from '../../kernel/tagged-cache.ts'
import type { ApiKeyContext } from '../api-keys/context.ts'
import type { ProviderKeyRecord } from '../provider-keys/record.ts'
import type { LeaseStore } from './lease-store.ts'

/** The terms under which a key is shared, as requests need them. All ids are bare. */
export interface Lease {
  readonly id: string
  readonly teamId: string
  readonly allowedModels: readonly string[] | null
  readonly capUsdNanos: number | null
  readonly capPeriod: string | null
  /** Of the team; what is used under the lease counts there too. */
  readonly teamBudget: { readonly usdNanos: number; readonly period: BudgetPeriod } | null
  readonly expiresAt: number | null
}

export interface BorrowedKey {
  readonly record: ProviderKeyRecord
  readonly lease: Lease
}

export interface Borrowed {
  /** Keys of others, or with a team's API key all that are shared with that team. */
  sharedFor(caller: ApiKeyContext): readonly BorrowedKey[] | Promise<readonly BorrowedKey[]>
  /** A team, user or owner of whom something changed. */
  invalidate(id: string): void
}

interface Usable {
  readonly keyId: string
  readonly ownerId: string
  readonly lease: Lease
}

interface Held {
  readonly usable: readonly Usable[]
  readonly tags: readonly string[]
}

const MOST_USERS = 50_000
/** With a query, a lease that ended elsewhere is noticed within five seconds. */
const FRESH_MS = 3_000
const NOTHING: readonly BorrowedKey[] = Object.freeze([])

export function createBorrowed(options: {
  leases: LeaseStore
  chainFor: (userId: string) => readonly ProviderKeyRecord[] | Promise<readonly ProviderKeyRecord[]>
  clock: Clock
}): Borrowed {
  const { leases, chainFor, clock } = options
  const cache = createTaggedCache<string, Held>({
    async load(userId) {
      const teamIds = await leases.teamsOf(userId)
      const rows = teamIds.length === 0 ? [] : await leases.listUsable(userId)
      const usable = rows.map((row) => ({
        keyId: row.provider_key_id,
        ownerId: row.owner_id,
        lease: Object.freeze({
          id: row.id,
          teamId: row.team_id,
          allowedModels: row.allowed_models === null ? null : (JSON.parse(row.allowed_models) as string[]),
          capUsdNanos: row.cap_usd_nanos,
          capPeriod: row.cap_period,
          teamBudget: readBudget(row),
          expiresAt: row.expires_at,
        }),
      }))
      return { usable, tags: [userId, ...teamIds, ...usable.map(({ ownerId }) => ownerId)] }
    },
    tags: (held) => held.tags,
    max: MOST_USERS,
    freshMs: FRESH_MS,
    clock,
  })

  async function resolve(usable: readonly Usable[], { principal }: ApiKeyContext): Promise<readonly BorrowedKey[]> {
    const found: BorrowedKey[] = []
    const seen = new Set<string>()
    for (const { keyId, ownerId, lease } of usable) {
      if (principal.teamId === null ? ownerId === principal.userId : lease.teamId !== principal.teamId) continue
      const record = (await chainFor(ownerId)).find(({ id }) => id === keyId)
      // A key shared twice serves under each of its leases in turn.
      if (!record || seen.has(lease.id)) continue
      seen.add(lease.id)
      found.push({ record, lease })
    }
    return found
  }

  return {
    sharedFor(caller) {
      const { userId } = caller.principal
      const held = cache.peek(userId)
      if (!held) return cache.get(userId).then(({ usable }) => resolve(usable, caller))
      return held.usable.length === 0 ? NOTHING : resolve(held.usable, caller)
    },
    invalidate: (id) => cache.dropTag(id),
  }
}
