// What each role in a team may do: the one table that decides, and that people are shown.
import { TEAM_ACTS, TEAM_ROLES, type TeamAct, type TeamRight, type TeamRole } from '../../../contract/teams.ts'

const EVERYBODY: readonly TeamRole[] = TEAM_ROLES
const ADMINS: readonly TeamRole[] = ['owner', 'admin']
const OWNERS: readonly TeamRole[] = ['owner']

const RIGHTS: Readonly<Record<TeamAct, readonly TeamRole[]>> = {
  use: EVERYBODY,
  share: EVERYBODY,
  api_keys: EVERYBODY,
  leave: EVERYBODY,
  invite: ADMINS,
  people: ADMINS,
  unshare: ADMINS,
  settings: ADMINS,
  owners: OWNERS,
  dissolve: OWNERS,
}

export function mayInTeam(role: TeamRole | undefined, act: TeamAct): boolean {
  return role !== undefined && RIGHTS[act].includes(role)
}

/** The role that is at least needed, for a sentence. */
export function leastRole(act: TeamAct): TeamRole {
  return RIGHTS[act].at(-1)!
}

export const describeRights = (): TeamRight[] => TEAM_ACTS.map((act) => ({ act, roles: [...RIGHTS[act]] }))
