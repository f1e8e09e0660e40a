// `/admin/teams` and `/admin/leases`: people who work together, and what they share of their keys.
import type {
  CreateLeaseBody,
  CreateTeamInviteBody,
  DepartureImpact,
  EndedLeaseAnswer,
  LeaseAnswer,
  LeaseImpact,
  LeaseUsage,
  Team,
  TeamDetails,
  TeamList,
  TeamRole,
  UpdateLeaseBody,
  UpdateTeamBody,
} from '../../../../contract/teams.ts'
import { call } from './client.ts'

export interface NewInvite {
  readonly url: string
  readonly email: string | null
  readonly expires_at: string
  readonly mailed: boolean
}
export interface Leases {
  readonly lent: readonly LeaseAnswer[]
  readonly borrowed: readonly LeaseAnswer[]
  readonly ended: readonly EndedLeaseAnswer[]
}

const one = (id: string): string => `admin/teams/${encodeURIComponent(id)}`
const lease = (id: string): string => `admin/leases/${encodeURIComponent(id)}`

export const listTeams = (): Promise<TeamList> => call('GET', 'admin/teams')
export const createTeam = (name: string): Promise<Team> => call('POST', 'admin/teams', { body: { name } })
export const renameTeam = (id: string, name: string): Promise<Team> => call('PATCH', one(id), { body: { name } })
export const limitTeam = (id: string, limits: UpdateTeamBody): Promise<Team> => call('PATCH', one(id), { body: limits })
export const dissolveTeam = (id: string): Promise<unknown> => call('DELETE', one(id))
export const readTeam = (id: string): Promise<TeamDetails> => call('GET', one(id))
export const setRole = (id: string, user: string, role: TeamRole): Promise<unknown> =>
  call('PUT', `${one(id)}/members/${user}`, { body: { role } })
export const removeMember = (id: string, user: string): Promise<unknown> => call('DELETE', `${one(id)}/members/${user}`)
export const readDeparture = (id: string, user: string): Promise<DepartureImpact> =>
  call('GET', `${one(id)}/members/${user}/impact`)
export const readDissolution = (id: string): Promise<DepartureImpact> => call('GET', `${one(id)}/impact`)
export const inviteToTeam = (id: string, body: CreateTeamInviteBody): Promise<NewInvite> =>
  call('POST', `${one(id)}/invites`, { body })
export const withdrawInvite = (id: string, invite: string): Promise<unknown> =>
  call('DELETE', `${one(id)}/invites/${encodeURIComponent(invite)}`)
export const joinTeam = (code: string): Promise<Team> => call('POST', 'admin/teams/join', { body: { code } })

export const listLeases = (): Promise<Leases> => call('GET', 'admin/leases')
export const createLease = (body: CreateLeaseBody): Promise<LeaseAnswer> => call('POST', 'admin/leases', { body })
export const changeLease = (id: string, body: UpdateLeaseBody): Promise<LeaseAnswer> =>
  call('PATCH', lease(id), { body })
export const endLease = (id: string): Promise<unknown> => call('DELETE', lease(id))
export const readLeaseImpact = (id: string): Promise<LeaseImpact> => call('GET', `${lease(id)}/impact`)
export const readLeaseUsage = (id: string): Promise<LeaseUsage> => call('GET', `${lease(id)}/usage`)
