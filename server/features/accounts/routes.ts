// The addresses under `/auth`: set-up, registration, sign-in and one's own profile.
import {
  accountDeletionSchema,
  deleteAccountBodySchema,
  loginBodySchema,
  messageAnswerSchema,
  passwordBodySchema,
  profileBodySchema,
  registerBodySchema,
  resetBodySchema,
  resetRequestBodySchema,
  sessionAnswerSchema,
  sessionListSchema,
  sessionParamsSchema,
  setupBodySchema,
  setupStatusSchema,
  userAnswerSchema,
} from '../../../contract/accounts.ts'
import { type ControlRequest, type ControlRoute, defineControlRoute, SIGN_IN_BODY_CAP } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { parsePublicId } from '../../kernel/ids.ts'
import { describeSession, describeUser, replySignedIn, toTimestamp } from './answers.ts'
import type { Origin } from './context.ts'
import type { Deletion } from './deletion.ts'
import { clearRefreshCookie, readRefreshCookie } from './refresh-cookie.ts'
import type { Registration } from './registration.ts'
import type { Sessions } from './sessions.ts'
import type { SignIn } from './sign-in.ts'
import type { Users } from './users.ts'

interface Services {
  readonly clock: Clock
  readonly sessions: Sessions
  readonly signIn: SignIn
  readonly registration: Registration
  readonly users: Users
  readonly deletion: Deletion
}

const OPEN = { credential: 'none', bodyCap: SIGN_IN_BODY_CAP, rateClass: 'sign-in' } as const
const COOKIE = { credential: 'refresh', bodyCap: SIGN_IN_BODY_CAP, rateClass: 'open' } as const
const SIGNED_IN = { credential: 'session', role: 'user', bodyCap: SIGN_IN_BODY_CAP, rateClass: 'control' } as const

export function createAccountRoutes(services: Services): ControlRoute[] {
  return [
    ...createSetupRoutes(services),
    ...createSignInRoutes(services),
    ...createResetRoutes(services),
    ...createProfileRoutes(services),
    ...createSessionRoutes(services),
    ...createDeletionRoutes(services),
  ]
}

const CONFIRM = 'A mail with a link is on its way to this address. Open it within a day to make the account.'

function createSetupRoutes({ clock, registration }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/auth/setup',
      rateClass: 'open',
      summary: 'Whether the first administrator is still to be made',
      answers: { 200: { description: 'The state of set-up', schema: setupStatusSchema } },
      handle: async () => ({ status: 200, body: { needed: await registration.isSetupNeeded() } }),
    }),
    defineControlRoute({
      ...OPEN,
      method: 'POST',
      path: '/auth/setup',
      summary: 'Make the first administrator with the code printed at start',
      body: setupBodySchema,
      answers: { 201: { description: 'Made and signed in', schema: sessionAnswerSchema } },
      async handle(request) {
        const { code, ...account } = request.body
        const signedIn = await registration.setUp(code, account, originOf(request))
        return replySignedIn(201, signedIn, { secure: request.secure, now: clock.now() })
      },
    }),
    defineControlRoute({
      ...OPEN,
      method: 'POST',
      path: '/auth/register',
      summary: 'Make an account, where registration is open or with an invitation',
      body: registerBodySchema,
      answers: {
        201: { description: 'Made; sign in next', schema: userAnswerSchema },
        202: { description: 'A mail with a link that confirms the address is on its way', schema: messageAnswerSchema },
      },
      async handle({ body, ip }) {
        const user = await registration.register(body, ip)
        return user ? { status: 201, body: { user: describeUser(user) } } : { status: 202, body: { message: CONFIRM } }
      },
    }),
  ]
}

function createSignInRoutes({ clock, sessions, signIn }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...OPEN,
      method: 'POST',
      path: '/auth/login',
      summary: 'Sign in with e-mail address and password',
      body: loginBodySchema,
      answers: { 200: { description: 'Signed in', schema: sessionAnswerSchema } },
      async handle(request) {
        const signedIn = await signIn.login(request.body, originOf(request))
        return replySignedIn(200, signedIn, { secure: request.secure, now: clock.now() })
      },
    }),
    defineControlRoute({
      ...COOKIE,
      method: 'POST',
      path: '/auth/refresh',
      summary: 'A new access token for the refresh cookie',
      answers: { 200: { description: 'Refreshed', schema: sessionAnswerSchema } },
      async handle({ headers, secure, ip }) {
        const signedIn = await sessions.refresh(readRefreshCookie(headers, secure), ip)
        return replySignedIn(200, signedIn, { secure, now: clock.now() })
      },
    }),
    defineControlRoute({
      ...COOKIE,
      method: 'POST',
      path: '/auth/logout',
      summary: 'End the session of the refresh cookie',
      answers: { 200: { description: 'Signed out', schema: messageAnswerSchema } },
      async handle({ headers, secure, ip }) {
        await sessions.end(readRefreshCookie(headers, secure), ip)
        return {
          status: 200,
          body: { message: 'Signed out.' },
          headers: { 'set-cookie': clearRefreshCookie(secure) },
        }
      },
    }),
  ]
}

const RESET_MAILED =
  'If there is an account with this address, a mail with a link is on its way. The link works once, for an hour.'
const NO_MAIL =
  'This server sends no mail. Ask an administrator for a reset link, or run "uniroute reset-password" on the server.'

function createResetRoutes({ signIn }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...OPEN,
      method: 'POST',
      path: '/auth/reset-request',
      summary: 'Ask how to reset a forgotten password',
      body: resetRequestBodySchema,
      answers: { 200: { description: 'What to do; the same for every address', schema: messageAnswerSchema } },
      async handle({ body, ip }) {
        const message = signIn.requestResetMail(body.email, ip) ? RESET_MAILED : NO_MAIL
        return { status: 200, body: { message } }
      },
    }),
    defineControlRoute({
      ...OPEN,
      method: 'POST',
      path: '/auth/reset',
      summary: 'Choose a new password with a reset link; ends all sessions',
      body: resetBodySchema,
      answers: { 200: { description: 'Changed; sign in next', schema: messageAnswerSchema } },
      async handle({ body, ip }) {
        await signIn.resetPassword(body.code, body.password, ip)
        return { status: 200, body: { message: 'The password is changed. Sign in with it.' } }
      },
    }),
  ]
}

function createProfileRoutes({ users, signIn }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/auth/profile',
      mayLackFactor: true,
      summary: 'Your account',
      answers: { 200: { description: 'Your account', schema: userAnswerSchema } },
      handle: async ({ principal }) => ({
        status: 200,
        body: { user: describeUser(await users.get(principal.userId)) },
      }),
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'PUT',
      path: '/auth/profile',
      summary: 'Change your name or when server keys may stand in for yours',
      body: profileBodySchema,
      answers: { 200: { description: 'Changed', schema: userAnswerSchema } },
      async handle({ principal, body, ip }) {
        const { name, fallback } = body
        const change = { ...(name === undefined ? {} : { name }), ...(fallback === undefined ? {} : { fallback }) }
        const user = await users.updateProfile(change, { actorId: principal.userId, ip })
        return { status: 200, body: { user: describeUser(user) } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'PUT',
      path: '/auth/profile/password',
      summary: 'Change your password; ends your other sessions',
      body: passwordBodySchema,
      answers: { 200: { description: 'Changed; go on with this token', schema: sessionAnswerSchema } },
      async handle({ principal, body, ip }) {
        const changed = await signIn.changePassword(
          { userId: principal.userId, sessionId: sessionIdOf(principal) },
          { current: body.current_password, next: body.new_password },
          ip,
        )
        return {
          status: 200,
          body: {
            token: changed.token,
            expires_at: toTimestamp(changed.tokenExpiresAt),
            user: describeUser(changed.user),
          },
        }
      },
    }),
  ]
}

function createSessionRoutes({ sessions }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/auth/sessions',
      summary: 'Where you are signed in',
      answers: { 200: { description: 'Your sessions, the last used first', schema: sessionListSchema } },
      async handle({ principal }) {
        const rows = await sessions.list(principal.userId)
        return { status: 200, body: { sessions: rows.map((row) => describeSession(row, principal.sessionId)) } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'DELETE',
      path: '/auth/sessions/:id',
      recentSignIn: true,
      summary: 'End one of your sessions at once',
      params: sessionParamsSchema,
      answers: { 200: { description: 'Ended', schema: messageAnswerSchema } },
      async handle({ principal, params, ip }) {
        const id = parsePublicId('sess', params.id)
        if (id === undefined) throw new GatewayError('not_found', { message: 'You have no such session.' })
        await sessions.revoke(principal.userId, id, { ip })
        return { status: 200, body: { message: 'The session is ended.' } }
      },
    }),
  ]
}

function createDeletionRoutes({ deletion }: Services): ControlRoute[] {
  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/auth/profile/deletion',
      summary: 'What would go with your account, and what is in the way of deleting it',
      answers: { 200: { description: 'What would go', schema: accountDeletionSchema } },
      handle: async ({ principal }) => ({ status: 200, body: await deletion.describe(principal.userId) }),
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/auth/profile/delete',
      summary: 'Delete your account with its keys, at once and for good; the ledger and the audit log stay',
      body: deleteAccountBodySchema,
      answers: { 200: { description: 'Deleted; every session is ended', schema: messageAnswerSchema } },
      async handle({ principal, body, ip, secure }) {
        await deletion.run({ userId: principal.userId, ip }, { password: body.password, principal })
        return {
          status: 200,
          body: { message: 'Your account is deleted.' },
          headers: { 'set-cookie': clearRefreshCookie(secure) },
        }
      },
    }),
  ]
}

function originOf({ ip, headers }: Pick<ControlRequest, 'ip' | 'headers'>): Origin {
  return { ip, userAgent: (headers['user-agent'] ?? '').slice(0, 300) }
}

function sessionIdOf(principal: { sessionId: string | null }): string {
  if (principal.sessionId === null) throw new GatewayError('unauthenticated')
  return principal.sessionId
}
