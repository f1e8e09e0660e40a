// The addresses of signing in with a provider. Two are opened by browsers on their way: they answer a way on, never
// JSON. Every way on is a page of ours or the provider's own address; nothing of the request chooses another host.
import {
  oidcBeginQuerySchema,
  oidcCallbackQuerySchema,
  oidcLinkSchema,
  oidcProveBodySchema,
} from '../../../contract/oidc.ts'
import {
  type ControlReply,
  type ControlRequest,
  type ControlRoute,
  defineControlRoute,
  SIGN_IN_BODY_CAP,
} from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Attempts } from './oidc-attempt.ts'
import type { Oidc, OidcResult } from './oidc.ts'
import { writeRefreshCookie } from './refresh-cookie.ts'

const OPEN = { credential: 'none', bodyCap: 0, rateClass: 'sign-in' } as const
const SIGNED_IN = { credential: 'session', role: 'user', bodyCap: SIGN_IN_BODY_CAP, rateClass: 'control' } as const
const PROFILE = '/settings/profile'

interface Options {
  /** null: this server has no sign-in provider. */
  readonly oidc: Oidc | null
  readonly attempts: Attempts
  readonly clock: Clock
  readonly publicUrl: () => string
}

export function createOidcRoutes(options: Options): ControlRoute[] {
  const { oidc } = options
  const need = (): Oidc => {
    if (oidc) return oidc
    throw new GatewayError('not_found', { message: 'This server has no sign-in provider.' })
  }
  return [...createBrowserRoutes(options, need), ...createErrandRoutes(options, need)]
}

/** The two that browsers open. */
function createBrowserRoutes(options: Options, need: () => Oidc): ControlRoute[] {
  const { attempts, clock } = options
  return [
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/auth/oidc/begin',
      summary: 'Leads a browser to the sign-in provider',
      query: oidcBeginQuerySchema,
      answers: { 303: { description: 'To the provider, or back to the sign-in page with what went wrong' } },
      async handle({ query, ip, secure }) {
        try {
          const { url, attempt } = await need().begin({ next: query.next ?? '/', ip })
          return leadTo(url, [await attempts.write(attempt, secure)])
        } catch (error) {
          // The provider does not answer; whoever is too fast is told so as everywhere.
          if (error instanceof GatewayError) throw error
          return leadTo(pageOf(options, '/sign-in', { failed: 'unavailable' }))
        }
      },
    }),
    defineControlRoute({
      ...OPEN,
      method: 'GET',
      path: '/auth/oidc/callback',
      summary: 'Where the sign-in provider sends the browser back to',
      query: oidcCallbackQuerySchema,
      answers: { 303: { description: 'To the dashboard, signed in, or to the sign-in page with what went wrong' } },
      async handle(request) {
        const { headers, ip, secure, query } = request
        const attempt = await attempts.read(headers, secure)
        const origin = { ip, userAgent: (headers['user-agent'] ?? '').slice(0, 300) }
        const result = await need().finish(new URLSearchParams(query).toString(), attempt, origin)
        const next = attempt?.next ?? '/'
        const cookies = [attempts.clear(secure), ...cookiesOf(result, request, clock)]
        const errand = (attempt?.linkTo ?? null) !== null || (attempt?.proof ?? null) !== null
        // Back from a proof the sign-in page leads on, as it does after a sign-in.
        const page = errand && !('proved' in result) ? PROFILE : '/sign-in'
        const told = 'failed' in result ? { failed: result.failed, next } : { from: 'provider', next }
        return leadTo(pageOf(options, page, told), cookies)
      },
    }),
  ]
}

/** What somebody who is signed in wants there. */
function createErrandRoutes({ attempts }: Options, need: () => Oidc): ControlRoute[] {
  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/auth/oidc/prove',
      summary: 'Begin to sign in once more at the sign-in provider, for what needs a recent sign-in',
      body: oidcProveBodySchema,
      answers: { 200: { description: 'Where to go', schema: oidcLinkSchema } },
      async handle({ principal: { userId, sessionId }, body, ip, secure }) {
        if (sessionId === null) throw new GatewayError('unauthenticated')
        const wish = { next: body.next ?? PROFILE, prove: { userId, sessionId }, ip }
        const { url, attempt } = await need().begin(wish)
        return { status: 200, body: { url }, headers: { 'set-cookie': await attempts.write(attempt, secure) } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/auth/oidc/link',
      recentSignIn: true,
      summary: 'Begin to link your account at the sign-in provider to this one',
      answers: { 200: { description: 'Where to go', schema: oidcLinkSchema } },
      async handle({ principal, ip, secure }) {
        const provider = need()
        const { url, attempt } = await provider.begin({ next: PROFILE, linkTo: principal.userId, ip })
        return { status: 200, body: { url }, headers: { 'set-cookie': await attempts.write(attempt, secure) } }
      },
    }),
  ]
}

function cookiesOf(result: OidcResult, { secure }: ControlRequest, clock: Clock): string[] {
  if (!('signedIn' in result)) return []
  const { refreshToken, refreshExpiresAt } = result.signedIn
  return [writeRefreshCookie(refreshToken, secure, (refreshExpiresAt - clock.now()) / 1000)]
}

function leadTo(location: string, cookies: string[] = []): ControlReply {
  return { status: 303, headers: { location, ...(cookies.length > 0 && { 'set-cookie': cookies }) }, text: '' }
}

function pageOf({ publicUrl }: Options, path: string, told: Record<string, string>): string {
  return `${publicUrl().replace(/\/+$/, '')}${path}?${new URLSearchParams(told).toString()}`
}
