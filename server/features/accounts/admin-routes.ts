// What administrators do with accounts: `/admin/users` and `/admin/invites`.
import {
  createInviteBodySchema,
  createUserAnswerSchema,
  createUserBodySchema,
  inviteSchema,
  resetLinkSchema,
  updateUserBodySchema,
  userListQuerySchema,
  userListSchema,
  userParamsSchema,
  userSessionParamsSchema,
} from '../../../contract/admin-users.ts'
import { messageAnswerSchema, sessionListSchema, userAnswerSchema } from '../../../contract/accounts.ts'
import { type ControlRoute, defineControlRoute, SIGN_IN_BODY_CAP } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { isUuid, parsePublicId, toPublicId } from '../../kernel/ids.ts'
import { toLimitColumns } from '../../kernel/limits.ts'
import { describeSession, describeUser, toTimestamp } from './answers.ts'
import type { Registration } from './registration.ts'
import type { Sessions } from './sessions.ts'
import type { SignIn } from './sign-in.ts'
import type { Users } from './users.ts'

interface Services {
  readonly signIn: SignIn
  readonly registration: Registration
  readonly users: Users
  readonly sessions: Sessions
}

const ADMIN = { credential: 'session', role: 'admin', bodyCap: SIGN_IN_BODY_CAP, rateClass: 'control' } as const
/** Whose accounts there are, and what opens them, is changed only by somebody who signed in a moment ago. */
const ACT = { ...ADMIN, recentSignIn: true } as const

export function createAdminRoutes(services: Services): ControlRoute[] {
  return [...createUserRoutes(services), ...createLinkRoutes(services), ...createUserSessionRoutes(services)]
}

function createUserRoutes({ users, signIn }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...ADMIN,
      method: 'GET',
      path: '/admin/users',
      summary: 'All users, by e-mail address',
      query: userListQuerySchema,
      answers: { 200: { description: 'A page of users', schema: userListSchema } },
      async handle({ query }) {
        const page = await users.list({ limit: query.limit, after: query.after })
        return { status: 200, body: { users: page.users.map(describeUser), next: page.next } }
      },
    }),
    defineControlRoute({
      ...ACT,
      method: 'POST',
      path: '/admin/users',
      summary: 'Make a user, with a password or with a link to choose one',
      body: createUserBodySchema,
      answers: { 201: { description: 'Made', schema: createUserAnswerSchema } },
      async handle({ body, principal, ip }) {
        const by = { actorId: principal.userId, ip }
        const user = await users.create(
          { email: body.email, name: body.name, role: body.role, password: body.password },
          by,
        )
        const link = body.password === undefined ? await signIn.makeFirstLink(user.id, by) : null
        const mailed = link?.mailed ?? false
        return { status: 201, body: { user: describeUser(user), reset_link: link && describeLink(link), mailed } }
      },
    }),
    defineControlRoute({
      ...ACT,
      method: 'PATCH',
      path: '/admin/users/:id',
      summary: 'Change a role, a name or limits, or switch an account off or on; null takes a limit away',
      params: userParamsSchema,
      body: updateUserBodySchema,
      answers: { 200: { description: 'Changed', schema: userAnswerSchema } },
      async handle({ params, body, principal, ip }) {
        const change = {
          ...(body.role === undefined ? {} : { role: body.role }),
          ...(body.is_active === undefined ? {} : { isActive: body.is_active }),
          ...(body.name === undefined ? {} : { name: body.name }),
          limits: toLimitColumns(body),
        }
        const user = await users.update(params.id, change, { actorId: principal.userId, ip })
        return { status: 200, body: { user: describeUser(user) } }
      },
    }),
  ]
}

function createLinkRoutes({ signIn, registration }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...ACT,
      method: 'POST',
      path: '/admin/users/:id/reset-link',
      summary: 'A link with which the user chooses a new password; works once, for a day',
      params: userParamsSchema,
      answers: { 201: { description: 'The link', schema: resetLinkSchema } },
      async handle({ params, principal, ip }) {
        if (!isUuid(params.id)) throw new GatewayError('not_found', { message: 'There is no such user.' })
        const link = await signIn.makeResetLink(params.id, { actorId: principal.userId, ip })
        return { status: 201, body: describeLink(link) }
      },
    }),
    defineControlRoute({
      ...ACT,
      method: 'POST',
      path: '/admin/invites',
      summary: 'An invitation to register; works once',
      body: createInviteBodySchema,
      answers: { 201: { description: 'The invitation', schema: inviteSchema } },
      async handle({ body, principal, ip }) {
        const invite = await registration.invite(
          { email: body.email, lifetimeMs: body.expires_in_hours * 3_600_000 },
          { actorId: principal.userId, ip },
        )
        return {
          status: 201,
          body: {
            id: toPublicId('inv', invite.id),
            email: body.email ?? null,
            url: invite.url,
            code: invite.code,
            mailed: invite.mailed,
            expires_at: toTimestamp(invite.expiresAt),
          },
        }
      },
    }),
  ]
}

function createUserSessionRoutes({ sessions }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...ADMIN,
      method: 'GET',
      path: '/admin/users/:id/sessions',
      summary: 'Where a user is signed in',
      params: userParamsSchema,
      answers: { 200: { description: 'Their sessions, the last used first', schema: sessionListSchema } },
      async handle({ params, principal }) {
        const rows = isUuid(params.id) ? await sessions.list(params.id) : []
        return { status: 200, body: { sessions: rows.map((row) => describeSession(row, principal.sessionId)) } }
      },
    }),
    defineControlRoute({
      ...ACT,
      method: 'DELETE',
      path: '/admin/users/:id/sessions/:session_id',
      summary: "End a user's session at once",
      params: userSessionParamsSchema,
      answers: { 200: { description: 'Ended', schema: messageAnswerSchema } },
      async handle({ params, principal, ip }) {
        const id = parsePublicId('sess', params.session_id)
        if (id === undefined) throw new GatewayError('not_found', { message: 'There is no such session.' })
        await sessions.revoke(params.id, id, { ip, actorId: principal.userId })
        return { status: 200, body: { message: 'The session is ended.' } }
      },
    }),
  ]
}

function describeLink(link: { url: string; expiresAt: number }): object {
  return { url: link.url, expires_at: toTimestamp(link.expiresAt) }
}
