// The room of teams: people who work together, and provider keys that one of them shares with the others. Knows API
// keys and provider keys by what it is handed.
import type { EndedLeaseAnswer, LeaseAnswer } from '../../../contract/teams.ts'
import type { Database } from '../../database/database.ts'
import type { ControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Mail } from '../../upstream/mail.ts'
import type { Audit } from '../audit/audit.ts'
import type { ProviderKeyRecord } from '../provider-keys/record.ts'
import { createBorrowed, type Borrowed } from './borrowed.ts'
import { createDepartures, type DepartureOptions } from './departure.ts'
import { createInviteMails } from './invite-mails.ts'
import type { Leaving } from '../accounts/deletion.ts'
import { createLeaseRoutes } from './lease-routes.ts'
import { createLeaseStore } from './lease-store.ts'
import { createLeaving } from './leaving.ts'
import { createLeases, type LeaseOptions } from './leases.ts'
import { createMemberships, type MembershipOptions } from './memberships.ts'
import { createTeamRoutes, type TeamRouteTools } from './routes.ts'
import { createTeamStore } from './team-store.ts'

export interface TeamsOptions extends Pick<TeamRouteTools, 'publicUrl'> {
  readonly database: Database
  readonly clock: Clock
  readonly audit: Audit
  /** Absent where the operator set no mail server. */
  readonly mail?: Pick<Mail, 'sendLater'> | undefined
  readonly findOwnKey: LeaseOptions['findOwnKey']
  readonly explainInstead: LeaseOptions['explainInstead']
  readonly chainFor: (userId: string) => readonly ProviderKeyRecord[] | Promise<readonly ProviderKeyRecord[]>
  readonly revokeTeamKeys: MembershipOptions['revokeTeamKeys']
  readonly countTeamKeys: DepartureOptions['countTeamKeys']
  /** Told the ids of teams, users and API keys whose rights changed, after the commit. */
  readonly announce?: (ids: readonly string[]) => void
}

export interface Teams extends Borrowed {
  readonly routes: readonly ControlRoute[]
  readonly leaving: Leaving
  isMember(teamId: string, userId: string): Promise<boolean>
  /** With whom each of a user's keys is shared: names by bare key id. */
  namesSharedWith(userId: string): Promise<ReadonlyMap<string, readonly string[]>>
  /** The keys of others that a user may use. */
  listBorrowed(userId: string): Promise<LeaseAnswer[]>
  /** Those that lately they no longer may. */
  listEnded(userId: string): Promise<EndedLeaseAnswer[]>
}

export function createTeams(options: TeamsOptions): Teams {
  const { database, announce } = options
  const teams = createTeamStore(database)
  const leases = createLeaseStore(database)
  const borrowed = createBorrowed({ ...options, leases })
  const changed = (ids: readonly string[]): void => {
    for (const id of ids) borrowed.invalidate(id)
    announce?.(ids)
  }
  const parts = { ...options, teams, leases, changed }
  const rules = createLeases(parts)
  return {
    ...borrowed,
    routes: [
      ...createTeamRoutes({
        ...options,
        memberships: createMemberships(parts),
        departures: createDepartures(parts),
        mails: createInviteMails(options),
      }),
      ...createLeaseRoutes(rules),
    ],
    listBorrowed: rules.listBorrowed,
    listEnded: rules.listEnded,
    leaving: createLeaving(parts),
    isMember: async (teamId, userId) => (await teams.roleOf(teamId, userId)) !== undefined,
    async namesSharedWith(userId) {
      const names = new Map<string, string[]>()
      for (const lease of await leases.listLent(userId)) {
        const name = lease.borrower_email ?? lease.team_name
        names.set(lease.provider_key_id, [...(names.get(lease.provider_key_id) ?? []), name])
      }
      return names
    },
  }
}
