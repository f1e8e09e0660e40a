// One request of the control plane from matched route to answer: who calls, may they, is the input right, the handler,
// the reply. The order is the point: nothing is read or validated before the caller is known, and nothing reaches a
// handler that its schemas did not accept.
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import type { Secret } from '../kernel/secret.ts'
import { type Answer, JSON_TYPE, withControlHeaders } from './answers.ts'
import { type ByteBudget, readBody } from './body.ts'
import { matchesToken, readBearer, readCredential } from './credentials.ts'
import { checkOrigin } from './origin.ts'
import { demandRecentSignIn } from './recent-sign-in.ts'
import { isNoted, type RefusedAct } from './refused-acts.ts'
import type { Authenticate, ControlReply, ControlRoute, Principal, RouteMatch } from './route.ts'
import { validate } from './validation.ts'

/** Paces callers by the route's rate class; throws 429. */
export type AdmitControl = (
  route: ControlRoute,
  caller: { ip: string; principal: Principal | null },
) => Promise<void> | void

export interface ControlOptions {
  readonly authenticate: Authenticate
  readonly publicUrl: () => string
  /** By which a sign-in is recent. */
  readonly clock: Clock
  readonly admit?: AdmitControl | undefined
  readonly metricsToken?: Secret | undefined
  readonly budget?: ByteBudget | undefined
  readonly bodyIdleMs?: number | undefined
  /** Told when rights, input or pace did not allow what was asked for. */
  readonly noteRefused?: ((act: RefusedAct) => void) | undefined
}

export interface ControlCall {
  readonly route: ControlRoute
  readonly request: IncomingMessage
  readonly match: RouteMatch
  /** From this machine, without a proxy between. */
  readonly local: boolean
}

/** The answer to a control-plane request; throws GatewayErrors. */
export async function answerControl(call: ControlCall, options: ControlOptions): Promise<Answer> {
  const { route, match } = call
  if (route.credential === 'refresh' && route.method !== 'GET') checkOrigin(match.headers, options.publicUrl())
  const principal = await findPrincipal(call, options)
  try {
    return await answerCaller(call, principal, options)
  } catch (error) {
    if (error instanceof GatewayError && isNoted(error.code)) {
      const { method, path } = route
      options.noteRefused?.({ userId: principal?.userId ?? null, ip: match.ip, method, path, code: error.code })
    }
    throw error
  }
}

async function answerCaller(call: ControlCall, principal: Principal | null, options: ControlOptions): Promise<Answer> {
  const { route, match } = call
  if (route.role === 'admin' && principal?.role !== 'admin') {
    throw new GatewayError('forbidden', { message: 'Only an administrator may do this.' })
  }
  await options.admit?.(route, { ip: match.ip, principal })
  if (route.recentSignIn && principal) demandRecentSignIn(principal, options.clock)
  const params = route.params ? validate(route.params, match.params) : match.params
  const query = route.query ? validate(route.query, collectQuery(match.query)) : undefined
  const body = route.body ? validate(route.body, await readJson(call, options)) : undefined
  const reply = await route.handle({
    get principal(): Principal {
      if (principal) return principal
      throw new GatewayError('internal_error', { cause: new Error(`${route.path} has no principal`) })
    },
    params,
    query,
    body,
    headers: match.headers,
    ip: match.ip,
    secure: match.secure,
    prefix: match.prefix,
    requestId: match.requestId,
  })
  return withControlHeaders(encodeReply(reply))
}

async function findPrincipal(call: ControlCall, options: ControlOptions): Promise<Principal | null> {
  const { route, match } = call
  switch (route.credential) {
    case 'none':
    case 'refresh':
      return null
    case 'metrics':
      checkMetricsCaller(call, options)
      return null
    default: {
      const credential = readCredential(route.credential, match.headers, match.query)
      if (!credential) throw new GatewayError(route.credential === 'api-key' ? 'invalid_api_key' : 'unauthenticated')
      const { mayLackFactor = false } = route
      const shown = credential.kind === 'session' ? { ...credential, mayLackFactor } : credential
      const principal = await options.authenticate(shown)
      // A wiring mistake must not open a door: the principal is of the kind the route asked for, or nobody passes.
      if (principal.kind !== route.credential || principal.userId === '') throw new GatewayError('unauthenticated')
      return principal
    }
  }
}

function checkMetricsCaller({ match, local }: ControlCall, { metricsToken }: ControlOptions): void {
  if (metricsToken) {
    if (matchesToken(readBearer(match.headers), metricsToken)) return
    throw new GatewayError('unauthenticated', { message: 'Send METRICS_TOKEN as Authorization: Bearer.' })
  }
  if (local) return
  throw new GatewayError('forbidden', {
    message: 'Metrics are open on this machine only. Set METRICS_TOKEN to read them from elsewhere.',
  })
}

/** Each parameter once: which of two would count is a question no caller should have to ask. */
function collectQuery(query: URLSearchParams): Record<string, string> {
  const values = Object.create(null) as Record<string, string>
  for (const [name, value] of query) {
    if (values[name] !== undefined) {
      throw new GatewayError('validation_failed', {
        message: 'A query parameter stands there twice. Send each once; lists are separated by commas.',
        details: [{ path: '', message: 'A parameter stands there twice.' }],
      })
    }
    values[name] = value
  }
  return values
}

/** An empty body counts as `{}`, so that what is missing is named field by field. */
async function readJson({ route, request, match }: ControlCall, options: ControlOptions): Promise<unknown> {
  const body = await readBody(request, {
    cap: route.bodyCap,
    headers: match.headers,
    checkDepth: true,
    ...(options.budget ? { budget: options.budget } : {}),
    ...(options.bodyIdleMs === undefined ? {} : { idleMs: options.bodyIdleMs }),
  })
  try {
    if (body.length === 0) return {}
    if (!isJsonType(match.headers['content-type'])) throw new GatewayError('unsupported_media_type')
    return parseJson(Buffer.concat(body.chunks))
  } finally {
    body.release()
  }
}

function isJsonType(header: string | undefined): boolean {
  return header !== undefined && /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(header.trim())
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), refusePrototype) as unknown
  } catch (error) {
    // The parser's own sentence quotes the text it choked on, so it is not passed on, not even as a cause.
    if (error instanceof SyntaxError || error instanceof TypeError) throw new GatewayError('invalid_json')
    throw error
  }
}

function refusePrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new GatewayError('bad_request', { message: 'A field may not be named __proto__.' })
  return value
}

function encodeReply(reply: ControlReply): Answer {
  const headers = reply.headers ?? {}
  const content = reply.text ?? reply.bytes
  if (content !== undefined) return { status: reply.status, headers, body: content }
  if (reply.stream !== undefined) return { status: reply.status, headers, stream: reply.stream }
  if (reply.body === undefined) return { status: reply.status, headers }
  return { status: reply.status, headers: { 'content-type': JSON_TYPE, ...headers }, body: JSON.stringify(reply.body) }
}
