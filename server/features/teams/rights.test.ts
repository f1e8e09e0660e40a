// Who may do what in a team: the whole table, told once more.
import { describe, expect, test } from 'vitest'
import { TEAM_ACTS, TEAM_ROLES } from '../../../contract/teams.ts'
import { describeRights, leastRole, mayInTeam } from './rights.ts'

const WANTED: Readonly<Record<(typeof TEAM_ACTS)[number], readonly string[]>> = {
  use: ['owner', 'admin', 'member'],
  share: ['owner', 'admin', 'member'],
  api_keys: ['owner', 'admin', 'member'],
  leave: ['owner', 'admin', 'member'],
  invite: ['owner', 'admin'],
  people: ['owner', 'admin'],
  unshare: ['owner', 'admin'],
  settings: ['owner', 'admin'],
  owners: ['owner'],
  dissolve: ['owner'],
}

describe.each(TEAM_ACTS)('%s', (act) => {
  test.each(TEAM_ROLES)('by a role of %s', (role) => {
    expect(mayInTeam(role, act)).toBe(WANTED[act].includes(role))
  })

  test('by nobody of the team', () => {
    expect(mayInTeam(undefined, act)).toBe(false)
  })

  test('needs at least', () => {
    expect(leastRole(act)).toBe(WANTED[act].at(-1))
  })
})

test('people are shown the table as it is', () => {
  expect(describeRights()).toEqual(TEAM_ACTS.map((act) => ({ act, roles: WANTED[act] })))
})
