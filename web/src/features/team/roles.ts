// Who may do what in a team, as the server decides it (server/features/teams/memberships.ts and leases.ts).
import type { TeamRole } from '../../../../contract/teams.ts'

export const TEAM_ROLE_NAMES = ['owner', 'admin', 'member'] as const satisfies readonly TeamRole[]

const ALL = TEAM_ROLE_NAMES
const ADMINS = ['owner', 'admin'] as const
const OWNERS = ['owner'] as const

interface TeamAct {
  readonly id:
    'use' | 'share' | 'apiKeys' | 'leave' | 'invite' | 'people' | 'unshare' | 'settings' | 'owners' | 'dissolve'
  readonly roles: readonly TeamRole[]
}

export const TEAM_ACTS: readonly TeamAct[] = [
  { id: 'use', roles: ALL },
  { id: 'share', roles: ALL },
  { id: 'apiKeys', roles: ALL },
  { id: 'leave', roles: ALL },
  { id: 'invite', roles: ADMINS },
  { id: 'people', roles: ADMINS },
  { id: 'unshare', roles: ADMINS },
  { id: 'settings', roles: ADMINS },
  { id: 'owners', roles: OWNERS },
  { id: 'dissolve', roles: OWNERS },
]

const RANK: Readonly<Record<TeamRole, number>> = { member: 0, admin: 1, owner: 2 }

/** The roles that somebody with the role `own` may give to a member who has `role`; none where it is not theirs to do. */
export function rolesToGive(own: TeamRole, role: TeamRole): readonly TeamRole[] {
  if (own === 'owner') return TEAM_ROLE_NAMES
  return own === 'admin' && role !== 'owner' ? ['admin', 'member'] : []
}

export const mayRemove = (own: TeamRole, role: TeamRole): boolean => own !== 'member' && RANK[role] <= RANK[own]
