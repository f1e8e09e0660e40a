// The rules of leases: a key's owner shares it with a team, or one member, and says for what, how much and how long.
// Invariants: only the owner of the key makes and changes a lease; the owner, and the team's admins, end it; a borrower
// learns no more of the key than its last characters; every change acts on the next request of this instance.
import type {
  CreateLeaseBody,
  EndedLeaseAnswer,
  LeaseAnswer,
  LeaseImpact,
  LeaseUsage,
  UpdateLeaseBody,
} from '../../../contract/teams.ts'
import type { Transaction } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { LeaseTable, Schema } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid, parsePublicId, toPublicId } from '../../kernel/ids.ts'
import { startOfPeriod } from '../../kernel/periods.ts'
import type { Audit } from '../audit/audit.ts'
import type { Instead } from '../../../contract/impact.ts'
import type { ServedPart } from '../provider-keys/served-part.ts'
import { describeChanges } from '../../kernel/changes.ts'
import type { Actor } from './actor.ts'
import type { EndedLeaseRow, LeaseRow, LeaseStore, LeaseTerms } from './lease-store.ts'
import { noSuchTeam } from './memberships.ts'
import { mayInTeam } from './rights.ts'
import type { TeamStore } from './team-store.ts'

export interface Leases {
  create(actor: Actor, fields: CreateLeaseBody): Promise<LeaseAnswer>
  list(userId: string): Promise<{ lent: LeaseAnswer[]; borrowed: LeaseAnswer[]; ended: EndedLeaseAnswer[] }>
  listBorrowed(userId: string): Promise<LeaseAnswer[]>
  listEnded(userId: string): Promise<EndedLeaseAnswer[]>
  update(actor: Actor, id: string, fields: UpdateLeaseBody): Promise<LeaseAnswer>
  end(actor: Actor, id: string): Promise<void>
  readUsage(userId: string, id: string): Promise<LeaseUsage>
  /** What would change if it ended, for whoever may end it. */
  previewImpact(userId: string, id: string): Promise<LeaseImpact>
}

export interface LeaseOptions {
  readonly database: Database
  readonly clock: Clock
  readonly audit: Audit
  readonly teams: TeamStore
  readonly leases: LeaseStore
  /** The bare id of a key of this user; throws not_found. */
  readonly findOwnKey: (userId: string, ref: string) => Promise<{ id: string; provider: string }>
  /** What requests would get without some leases. */
  readonly explainInstead: (
    parts: readonly ServedPart[],
    without: { leaseIds: readonly string[] },
    viewer: string,
  ) => Promise<Instead>
  readonly changed: (ids: readonly string[]) => void
}

export const IMPACT_WINDOW_MS = 7 * 86_400_000
/** So long a borrower is told why a key no longer serves. */
const ENDED_SHOWN_MS = 7 * 86_400_000

export function createLeases(options: LeaseOptions): Leases {
  const { database, clock, audit, teams, leases, findOwnKey, explainInstead, changed } = options

  async function describe(rows: readonly LeaseRow[], viewer: string): Promise<LeaseAnswer[]> {
    const now = clock.now()
    const since = rows.map((row) => ({ id: row.id, since: startOfPeriod(periodOf(row), now) }))
    const spent = await leases.readSpent(since)
    return rows.map((row) => describeLease(row, spent.get(row.id) ?? 0, viewer))
  }

  const listBorrowed = async (userId: string): Promise<LeaseAnswer[]> =>
    describe(await leases.listBorrowed(userId), userId)

  const listEnded = async (userId: string): Promise<EndedLeaseAnswer[]> =>
    (await leases.listEnded(userId, clock.now() - ENDED_SHOWN_MS)).map(describeEnded)

  async function findVisible(userId: string, id: string): Promise<LeaseRow> {
    const lease = await leases.find(id)
    const isInvolved = lease && (lease.owner_id === userId || lease.user_id === userId)
    const role = lease && (await teams.roleOf(lease.team_id, userId))
    const mayLook = lease && (isInvolved || role === 'owner' || role === 'admin' || (role && lease.user_id === null))
    if (!mayLook) throw noSuchLease()
    return lease
  }

  /** One change with its audit entry, all or nothing; then memory forgets the team. False: nothing was changed. */
  async function change(
    actor: Actor,
    action: string,
    lease: LeaseTable,
    details: object,
    write: (tx: Transaction<Schema>) => Promise<boolean>,
  ): Promise<boolean> {
    const about = { provider_key_id: lease.provider_key_id, team_id: lease.team_id, user_id: lease.user_id }
    const isDone = await database.transaction(async (tx) => {
      if (!(await write(tx))) return false
      const target = { action, targetType: 'lease', targetId: lease.id, details: { ...about, ...details } }
      await audit.record({ actorType: 'user', actorId: actor.userId, ip: actor.ip, ...target }, tx)
      return true
    })
    if (isDone) changed([lease.team_id])
    return isDone
  }

  async function findEndable(userId: string, id: string): Promise<LeaseRow> {
    const lease = await findVisible(userId, id)
    const role = await teams.roleOf(lease.team_id, userId)
    if (lease.owner_id === userId || mayInTeam(role, 'unshare')) return lease
    throw new GatewayError('forbidden', { message: "Only the key's owner and the team's admins may end a lease." })
  }

  return {
    async create(actor, { provider_key: ref, team_id: team, user_id: borrower = null, ...fields }) {
      const teamId = parsePublicId('team', team)
      if (teamId === undefined || !(await teams.roleOf(teamId, actor.userId))) throw noSuchTeam()
      const key = await findOwnKey(actor.userId, ref)
      if (borrower === actor.userId) throw invalid('user_id', 'The key is yours already. Choose another member.')
      if (borrower !== null && !(await teams.roleOf(teamId, borrower))) {
        throw invalid('user_id', 'Choose a member of this team.')
      }
      const now = clock.now()
      const lease: LeaseTable = {
        id: createUlid(now),
        provider_key_id: key.id,
        owner_id: actor.userId,
        team_id: teamId,
        user_id: borrower,
        allowed_models: null,
        cap_usd_nanos: null,
        cap_period: null,
        expires_at: null,
        ...readTerms(fields, now),
        ended_at: null,
        version: 1,
        created_at: now,
        updated_at: now,
      }
      const details = { provider: key.provider, terms: readable(termsOf(lease)) }
      if (!(await change(actor, 'lease.created', lease, details, (tx) => leases.insert(lease, tx)))) {
        throw new GatewayError('conflict', { message: 'This key is shared with them already. Change that lease.' })
      }
      return (await describe([(await leases.find(lease.id))!], actor.userId))[0]!
    },

    async list(userId) {
      return {
        lent: await describe(await leases.listLent(userId), userId),
        borrowed: await listBorrowed(userId),
        ended: await listEnded(userId),
      }
    },
    listBorrowed,
    listEnded,

    async update(actor, id, { version, ...fields }) {
      const lease = await leases.find(id)
      if (lease?.owner_id !== actor.userId) throw noSuchLease()
      const now = clock.now()
      const terms = readTerms(fields, now)
      const write = (tx: Transaction<Schema>) => leases.update(id, version ?? lease.version, terms, now, tx)
      const changes = describeChanges(termsOf(lease), terms, JSON_COLUMNS)
      if (!(await change(actor, 'lease.changed', lease, { changes }, write))) throw new GatewayError('version_conflict')
      return (await describe([(await leases.find(id))!], actor.userId))[0]!
    },

    async end(actor, id) {
      const lease = await findEndable(actor.userId, id)
      const details = { terms: readable(termsOf(lease)) }
      const isDone = await change(actor, 'lease.ended', lease, details, (tx) => leases.end(id, clock.now(), tx))
      if (!isDone) throw noSuchLease()
    },

    async previewImpact(userId, id) {
      await findEndable(userId, id)
      const to = clock.now()
      const from = to - IMPACT_WINDOW_MS
      const parts = await leases.readServed(id, from)
      return {
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
        requests: parts.reduce((total, { requests }) => total + requests, 0),
        people: new Set(parts.map((part) => part.userId)).size,
        instead: await explainInstead(parts, { leaseIds: [id] }, userId),
      }
    },

    async readUsage(userId, id) {
      const lease = await findVisible(userId, id)
      const role = await teams.roleOf(lease.team_id, userId)
      const seesAll = lease.owner_id === userId || role === 'owner' || role === 'admin'
      const usage = await leases.readUsage(id, seesAll ? null : userId)
      return {
        borrowers: usage.map((one) => ({
          user: one.email === null ? null : { id: one.userId, email: one.email, name: one.name ?? '' },
          requests: one.requests,
          input_tokens: one.inputTokens,
          output_tokens: one.outputTokens,
          cost_usd_micros: toMicros(one.costUsdNanos),
          unknown_cost_requests: one.unknownCosts,
          last_used_at: one.lastUsedAt === null ? null : new Date(one.lastUsedAt).toISOString(),
        })),
      }
    },
  }
}

function describeLease(row: LeaseRow, spentNanos: number, viewer: string): LeaseAnswer {
  const isOwner = row.owner_id === viewer
  return {
    id: toPublicId('lease', row.id),
    provider_key: {
      id: toPublicId('pk', row.provider_key_id),
      provider: row.provider,
      label: isOwner ? row.label : null,
      last4: row.last4,
    },
    owner: { id: row.owner_id, email: row.owner_email, name: row.owner_name },
    team: { id: toPublicId('team', row.team_id), name: row.team_name },
    borrower:
      row.user_id === null ? null : { id: row.user_id, email: row.borrower_email ?? '', name: row.borrower_name ?? '' },
    allowed_models: row.allowed_models === null ? null : (JSON.parse(row.allowed_models) as string[]),
    cap: row.cap_usd_nanos === null ? null : { usd: row.cap_usd_nanos / 1e9, period: periodOf(row) },
    spent_usd_micros: toMicros(spentNanos),
    expires_at: row.expires_at === null ? null : new Date(row.expires_at).toISOString(),
    version: row.version,
    created_at: new Date(row.created_at).toISOString(),
  }
}

function describeEnded(row: EndedLeaseRow): EndedLeaseAnswer {
  return {
    id: toPublicId('lease', row.id),
    provider: row.provider,
    last4: row.last4,
    owner: { id: row.owner_id, email: row.owner_email, name: row.owner_name },
    team: { id: toPublicId('team', row.team_id), name: row.team_name },
    reason: row.isOwnerInTeam ? 'unshared' : 'owner_left',
    ended_at: new Date(row.endedAt).toISOString(),
  }
}

function readTerms(fields: UpdateLeaseBody, now: number): LeaseTerms {
  const { allowed_models: models, cap, expires_at: expiry } = fields
  if (expiry && Date.parse(expiry) <= now) throw invalid('expires_at', 'Choose an expiry in the future.')
  return {
    ...(models !== undefined && { allowed_models: models && JSON.stringify([...new Set(models)]) }),
    ...(cap !== undefined && { cap_usd_nanos: cap && Math.round(cap.usd * 1e9), cap_period: cap && cap.period }),
    ...(expiry !== undefined && { expires_at: expiry === null ? null : Date.parse(expiry) }),
  }
}

const JSON_COLUMNS = ['allowed_models'] as const

function termsOf({ allowed_models, cap_usd_nanos, cap_period, expires_at }: LeaseTable): Required<LeaseTerms> {
  return { allowed_models, cap_usd_nanos, cap_period, expires_at }
}

function readable({ allowed_models: models, ...terms }: Required<LeaseTerms>): object {
  return { ...terms, allowed_models: models === null ? null : JSON.parse(models) }
}

function periodOf({ cap_period: period }: LeaseTable): 'day' | 'month' | 'total' {
  // An unreadable period bounds for good.
  return period === 'day' || period === 'month' ? period : 'total'
}

function toMicros(nanos: number): number {
  return nanos > 0 ? Math.max(1, Math.round(nanos / 1000)) : 0
}

function invalid(path: string, message: string): GatewayError {
  return new GatewayError('validation_failed', { message, details: [{ path, message }] })
}

/** A lease one has no part in and one that does not exist are the same. */
function noSuchLease(): GatewayError {
  return new GatewayError('not_found', { message: 'There is no such lease.' })
}
