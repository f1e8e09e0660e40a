// Who may do what in a team, as the server says it.
import type { TeamAct, TeamRight, TeamRole } from '../../../../contract/teams.ts'

/** From the one that may most. */
export const TEAM_ROLE_NAMES = ['owner', 'admin', 'member'] as const satisfies readonly TeamRole[]

type Rights = readonly TeamRight[] | undefined

/** Nobody may anything while it is not known. */
export function may(rights: Rights, role: TeamRole | undefined, act: TeamAct): boolean {
  return role !== undefined && rights?.find((right) => right.act === act)?.roles.includes(role) === true
}

/**
 * The roles that somebody with the role `own` may give to a member who has `role`; none where it is not theirs to do.
 */
export function rolesToGive(rights: Rights, own: TeamRole, role: TeamRole): readonly TeamRole[] {
  if (may(rights, own, 'owners')) return TEAM_ROLE_NAMES
  return may(rights, own, 'people') && role !== 'owner' ? ['admin', 'member'] : []
}

export const mayRemove = (rights: Rights, own: TeamRole, role: TeamRole): boolean =>
  may(rights, own, role === 'owner' ? 'owners' : 'people')
