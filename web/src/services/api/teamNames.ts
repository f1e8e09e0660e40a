// `/admin/teams`, for choosing one.
import type { Team } from '../../../../contract/teams.ts'
import { call } from './client.ts'

export const listTeamNames = async (): Promise<Pick<Team, 'id' | 'name'>[]> =>
  (await call<{ teams: Team[] }>('GET', 'admin/teams')).teams
