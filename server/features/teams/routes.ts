// The addresses of teams, for signed-in users, each seeing only the teams they are in.
import { messageAnswerSchema } from '../../../contract/accounts.ts'
import {
  createTeamInviteBodySchema,
  departureImpactSchema,
  dissolutionImpactSchema,
  inviteParamsSchema,
  joinTeamBodySchema,
  memberBodySchema,
  memberParamsSchema,
  newTeamInviteSchema,
  teamBodySchema,
  teamDetailsSchema,
  teamListSchema,
  teamParamsSchema,
  teamSchema,
  updateTeamBodySchema,
  type Team,
  type TeamDetails,
} from '../../../contract/teams.ts'
import { CONTROL_BODY_CAP, type ControlRequest, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { isUuid, parsePublicId, toPublicId } from '../../kernel/ids.ts'
import { describeLimits } from '../../kernel/limits.ts'
import type { Actor } from './actor.ts'
import type { Departures } from './departure.ts'
import type { InviteMails } from './invite-mails.ts'
import { noSuchTeam, type Memberships } from './memberships.ts'
import type { MemberRow, TeamRow } from './team-store.ts'
import { describeRights } from './rights.ts'

const SIGNED_IN = { credential: 'session', role: 'user', bodyCap: CONTROL_BODY_CAP, rateClass: 'control' } as const
const NOT_IN_IT = { description: 'You are in no such team' }

export interface TeamRouteTools {
  readonly memberships: Memberships
  readonly departures: Departures
  readonly mails: InviteMails
  readonly publicUrl: () => string
}

export function createTeamRoutes(tools: TeamRouteTools): ControlRoute[] {
  return [...createOwnRoutes(tools), ...createMemberRoutes(tools), ...createInviteRoutes(tools)]
}

function createOwnRoutes({ memberships, departures }: TeamRouteTools): ControlRoute[] {
  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/admin/teams',
      summary: 'The teams you are in',
      answers: { 200: { description: 'Your teams', schema: teamListSchema } },
      async handle({ principal }) {
        const teams = (await memberships.list(principal.userId)).map(describeTeam)
        return { status: 200, body: { teams, rights: describeRights() } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/admin/teams',
      summary: 'Make a team; you are its owner',
      body: teamBodySchema,
      answers: { 201: { description: 'Made', schema: teamSchema } },
      async handle(request) {
        return { status: 201, body: describeTeam(await memberships.create(actorOf(request), request.body.name)) }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/admin/teams/:id',
      summary: 'A team: its people and open invitations',
      params: teamParamsSchema,
      answers: { 200: { description: 'The team', schema: teamDetailsSchema }, 404: NOT_IN_IT },
      async handle({ principal, params }) {
        const { team, members, invites } = await memberships.describe(principal.userId, teamIdOf(params))
        const body: TeamDetails = {
          team: describeTeam(team),
          members: members.map(describeMember),
          invites: invites.map(describeInvite),
          rights: describeRights(),
        }
        return { status: 200, body }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'PATCH',
      path: '/admin/teams/:id',
      summary: 'Rename a team, or change its limits; null takes a limit away',
      params: teamParamsSchema,
      body: updateTeamBodySchema,
      answers: { 200: { description: 'Changed', schema: teamSchema }, 404: NOT_IN_IT },
      async handle(request) {
        const team = await memberships.update(actorOf(request), teamIdOf(request.params), request.body)
        return { status: 200, body: describeTeam(team) }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/admin/teams/:id/impact',
      summary: 'What it would change if a team were dissolved',
      params: teamParamsSchema,
      answers: { 200: { description: 'What would be used instead', schema: dissolutionImpactSchema }, 404: NOT_IN_IT },
      async handle({ principal, params }) {
        return { status: 200, body: await departures.ofAll(principal.userId, teamIdOf(params)) }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'DELETE',
      path: '/admin/teams/:id',
      summary: 'Dissolve a team: its leases end and its API keys are revoked',
      params: teamParamsSchema,
      answers: { 200: { description: 'Dissolved', schema: messageAnswerSchema }, 404: NOT_IN_IT },
      async handle(request) {
        await memberships.remove(actorOf(request), teamIdOf(request.params))
        return { status: 200, body: { message: 'The team is dissolved.' } }
      },
    }),
  ]
}

function createMemberRoutes({ memberships, departures }: TeamRouteTools): ControlRoute[] {
  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/admin/teams/:id/members/:user_id/impact',
      summary: 'What it would change if you left a team, or a member were taken out of it',
      params: memberParamsSchema,
      answers: {
        200: { description: 'What would be used instead', schema: departureImpactSchema },
        404: NOT_IN_IT,
      },
      async handle({ principal, params }) {
        const body = await departures.ofMember(principal.userId, teamIdOf(params), userIdOf(params))
        return { status: 200, body }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'PUT',
      path: '/admin/teams/:id/members/:user_id',
      summary: "Change a member's role",
      params: memberParamsSchema,
      body: memberBodySchema,
      answers: { 200: { description: 'Changed', schema: messageAnswerSchema }, 404: NOT_IN_IT },
      async handle(request) {
        const { params, body } = request
        await memberships.setRole(actorOf(request), teamIdOf(params), userIdOf(params), body.role)
        return { status: 200, body: { message: 'The role is changed.' } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'DELETE',
      path: '/admin/teams/:id/members/:user_id',
      summary: 'Leave a team, or take a member out of it',
      params: memberParamsSchema,
      answers: { 200: { description: 'Out of the team', schema: messageAnswerSchema }, 404: NOT_IN_IT },
      async handle(request) {
        await memberships.removeMember(actorOf(request), teamIdOf(request.params), userIdOf(request.params))
        return { status: 200, body: { message: 'They are out of the team.' } }
      },
    }),
  ]
}

function createInviteRoutes({ memberships, mails, publicUrl }: TeamRouteTools): ControlRoute[] {
  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/admin/teams/:id/invites',
      summary: 'An invitation to a team; works once',
      params: teamParamsSchema,
      body: createTeamInviteBodySchema,
      answers: { 201: { description: 'The invitation', schema: newTeamInviteSchema }, 404: NOT_IN_IT },
      async handle(request) {
        const { invite, code } = await memberships.invite(actorOf(request), teamIdOf(request.params), request.body)
        const url = `${publicUrl().replace(/\/+$/, '')}/join#${code}`
        const mailed = mails.send({
          invitedBy: request.principal.userId,
          to: invite.email,
          url,
          expiresAt: invite.expires_at,
        })
        return { status: 201, body: { ...describeInvite(invite), url, code, mailed } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'DELETE',
      path: '/admin/teams/:id/invites/:invite_id',
      summary: 'Take an invitation back',
      params: inviteParamsSchema,
      answers: { 200: { description: 'Taken back', schema: messageAnswerSchema }, 404: NOT_IN_IT },
      async handle(request) {
        const id = parsePublicId('inv', request.params.invite_id)
        if (id === undefined) throw new GatewayError('not_found')
        await memberships.withdrawInvite(actorOf(request), teamIdOf(request.params), id)
        return { status: 200, body: { message: 'The invitation no longer works.' } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/admin/teams/join',
      summary: 'Join a team with the code of an invitation',
      body: joinTeamBodySchema,
      answers: { 200: { description: 'Joined', schema: teamSchema }, 403: { description: 'The code does not work' } },
      async handle(request) {
        const team = await memberships.join(actorOf(request), request.body.code)
        return { status: 200, body: describeTeam(team) }
      },
    }),
  ]
}

export function actorOf({ principal, ip }: Pick<ControlRequest, 'principal' | 'ip'>): Actor {
  return { userId: principal.userId, ip }
}

function teamIdOf({ id }: { id: string }): string {
  const found = parsePublicId('team', id)
  if (found === undefined) throw noSuchTeam()
  return found
}

function userIdOf({ user_id: id }: { user_id: string }): string {
  if (!isUuid(id)) throw new GatewayError('not_found', { message: 'The team has no such member.' })
  return id
}

function describeTeam(team: TeamRow): Team {
  return {
    id: toPublicId('team', team.id),
    name: team.name,
    role: team.role,
    members: team.members,
    leases: team.leases,
    ...describeLimits(team),
    created_at: new Date(team.created_at).toISOString(),
  }
}

function describeMember({ id, email, name, role, joinedAt }: MemberRow): TeamDetails['members'][number] {
  return { id, email, name, role, joined_at: new Date(joinedAt).toISOString() }
}

type InviteRow = Awaited<ReturnType<Memberships['invite']>>['invite']

function describeInvite(invite: InviteRow): TeamDetails['invites'][number] {
  return {
    id: toPublicId('inv', invite.id),
    email: invite.email,
    role: invite.role,
    created_at: new Date(invite.created_at).toISOString(),
    expires_at: new Date(invite.expires_at).toISOString(),
  }
}
