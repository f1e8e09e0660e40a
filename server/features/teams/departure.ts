// What would change if somebody left a team, or were taken out of it, or if it were dissolved: for those who lose what
// is shared there, and for oneself. Shown before it happens, to whoever may do it.
import type { DepartureImpact } from '../../../contract/teams.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { ServedPart } from '../provider-keys/served-part.ts'
import { IMPACT_WINDOW_MS, type LeaseOptions } from './leases.ts'
import type { LeaseRow, LeaseStore } from './lease-store.ts'
import { noSuchTeam } from './memberships.ts'
import { mayInTeam } from './rights.ts'
import type { TeamStore } from './team-store.ts'

export interface DepartureOptions {
  readonly clock: Clock
  readonly teams: TeamStore
  readonly leases: LeaseStore
  readonly explainInstead: LeaseOptions['explainInstead']
  /** How many API keys of a team work, or of those one user made for it. */
  readonly countTeamKeys: (teamId: string, userId: string | null) => Promise<number>
}

export interface Departures {
  /** `viewerId` looks at what the departure of `userId` would change. */
  ofMember(viewerId: string, teamId: string, userId: string): Promise<DepartureImpact>
  /** `viewerId` looks at what the end of the team would change. */
  ofAll(viewerId: string, teamId: string): Promise<DepartureImpact>
}

/** Which of the leases of a team end for others, and which for the one in question. */
interface Ending {
  /** The one in question. */
  readonly userId: string
  readonly forOthers: (lease: LeaseRow) => boolean
  /** Who made the API keys that are revoked; null: everybody. */
  readonly keysOf: string | null
}

export function createDepartures(options: DepartureOptions): Departures {
  const { clock, teams, leases, explainInstead, countTeamKeys } = options

  async function preview(viewerId: string, teamId: string, ending: Ending): Promise<DepartureImpact> {
    const { userId, forOthers, keysOf } = ending
    const to = clock.now()
    const from = to - IMPACT_WINDOW_MS
    const all = await leases.listOfTeam(teamId)
    const mayUse = (lease: LeaseRow): boolean =>
      lease.owner_id !== userId && (lease.user_id === null || lease.user_id === userId)
    const served = await Promise.all(
      all.map(async (lease) => ({ lease, parts: await leases.readServed(lease.id, from) })),
    )
    const partsOf = (of: (lease: LeaseRow) => boolean, isTheirs: boolean): ServedPart[] =>
      served.flatMap(({ lease, parts }) =>
        of(lease) ? parts.filter((part) => (part.userId === userId) === isTheirs) : [],
      )
    const describe = async (of: (lease: LeaseRow) => boolean, isTheirs: boolean) => {
      const parts = partsOf(of, isTheirs)
      const gone = all.filter(of)
      return {
        keys: new Set(gone.map((lease) => lease.provider_key_id)).size,
        requests: parts.reduce((total, { requests }) => total + requests, 0),
        people: new Set(parts.map((part) => part.userId)).size,
        instead: await explainInstead(parts, { leaseIds: gone.map(({ id }) => id) }, viewerId),
      }
    }
    return {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      lent: await describe(forOthers, false),
      borrowed: await describe(mayUse, true),
      api_keys: await countTeamKeys(teamId, keysOf),
    }
  }

  return {
    async ofMember(viewerId, teamId, userId) {
      const own = await teams.roleOf(teamId, viewerId)
      if (own === undefined) throw noSuchTeam()
      if (!(await teams.roleOf(teamId, userId))) {
        throw new GatewayError('not_found', { message: 'The team has no such member.' })
      }
      if (viewerId !== userId && !mayInTeam(own, 'people')) {
        throw new GatewayError('forbidden', { message: "Only the team's admins may see what this would change." })
      }
      return preview(viewerId, teamId, { userId, forOthers: (lease) => lease.owner_id === userId, keysOf: userId })
    },
    async ofAll(viewerId, teamId) {
      const own = await teams.roleOf(teamId, viewerId)
      if (own === undefined) throw noSuchTeam()
      if (!mayInTeam(own, 'dissolve')) {
        throw new GatewayError('forbidden', { message: "Only the team's owners may see what this would change." })
      }
      return preview(viewerId, teamId, { userId: viewerId, forOthers: () => true, keysOf: null })
    },
  }
}
