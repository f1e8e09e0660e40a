// The typed route table. Every address UniRoute answers is one entry: method, path, who may call, how large a body,
// how often. A route without an entry does not exist; the OpenAPI document and the authorisation tests are generated
// from the same entries.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ZodType } from 'zod'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS'
/** none: open · session: a signed-in user's JWT · api-key: a `ur_…` key · refresh: the refresh cookie · metrics: METRICS_TOKEN. */
export type CredentialKind = 'none' | 'session' | 'api-key' | 'refresh' | 'metrics'
export type Role = 'user' | 'admin'
/** sign-in: throttled per address and account · control: the session's own pace · data: limits of the API key. */
export type RateClass = 'open' | 'sign-in' | 'control' | 'data'

/** Who calls, after authentication. It has no empty state: a route that needs nobody has no principal. */
export interface Principal {
  readonly kind: 'session' | 'api-key'
  readonly userId: string
  readonly role: Role
  /** Bare id of the session or null for an API key. */
  readonly sessionId: string | null
  /** Bare id of the API key or null for a session. */
  readonly apiKeyId: string | null
  readonly teamId: string | null
  /** When this session last proved the password, epoch ms (sessions only). */
  readonly authenticatedAt: number | null
}

/** What a control-plane handler gets: validated input and the caller. */
export interface ControlRequest<Body = unknown, Query = unknown, Params = unknown> {
  readonly principal: Principal
  readonly body: Body
  readonly query: Query
  readonly params: Params
  readonly headers: IncomingMessage['headers']
  /** The peer's address, through TRUST_PROXY. */
  readonly ip: string
  /** Did the client reach us by https (through TRUST_PROXY)? */
  readonly secure: boolean
  readonly requestId: string
}

export interface ControlReply {
  readonly status: number
  /** Sent as JSON; undefined sends no body. */
  readonly body?: unknown
  readonly headers?: Record<string, string | string[]>
  /** Sent as it is instead of JSON, with the content-type of `headers`. */
  readonly text?: string
}

export interface RouteFacts {
  readonly method: Method
  /** `/admin/provider-keys/:ref`: a `:name` segment matches one segment. */
  readonly path: string
  readonly credential: CredentialKind
  /** The least role of a session. */
  readonly role?: Role
  /** Most bytes of body, after decompression too. */
  readonly bodyCap: number
  readonly rateClass: RateClass
  readonly summary: string
}

/** A management address: JSON in, JSON out. */
export interface ControlRoute<Body = any, Query = any, Params = any> extends RouteFacts {
  readonly plane: 'control'
  readonly body?: ZodType<Body>
  readonly query?: ZodType<Query>
  readonly params?: ZodType<Params>
  /** Answer schema per status, for OpenAPI and the contract tests. */
  readonly answers: Record<number, { description: string; schema?: ZodType }>
  readonly handle: (request: ControlRequest<Body, Query, Params>) => Promise<ControlReply>
}

/** A traffic address: handed the socket, since bytes are relayed as they are. */
export interface DataRoute extends RouteFacts {
  readonly plane: 'data'
  readonly handle: (request: IncomingMessage, response: ServerResponse, match: RouteMatch) => void
}

export type Route = ControlRoute | DataRoute

export interface RouteMatch {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
  /** The normalised path, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly requestId: string
}

/** Declares a management route; the types of body, query and params come from its schemas. */
export function defineControlRoute<Body = undefined, Query = undefined, Params = undefined>(
  route: Omit<ControlRoute<Body, Query, Params>, 'plane'>,
): ControlRoute<Body, Query, Params> {
  return { plane: 'control', ...route }
}

export const CONTROL_BODY_CAP = 256 * 1024
export const SIGN_IN_BODY_CAP = 16 * 1024
export const DATA_BODY_CAP = 32 * 1024 * 1024
