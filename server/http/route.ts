// The typed route table. Every address UniRoute answers is one entry: method, path, who may call, how large a body,
// how often. A route without an entry does not exist; the OpenAPI document and the authorisation tests are generated
// from the same entries.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ZodType } from 'zod'
import type { AnswerStream } from './stream-answer.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS'
/**
 * none: open · session: a signed-in user's JWT · api-key: a `ur_…` key · refresh: the refresh cookie · metrics:
 * METRICS_TOKEN.
 */
export type CredentialKind = 'none' | 'session' | 'api-key' | 'refresh' | 'metrics'
export type Role = 'user' | 'admin'
/**
 * open: not paced · sign-in: paced by the accounts, per address and account · control: so many calls a minute per user,
 * through the handed-in `admit` · data: limits of the API key.
 */
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
  /** When this session last proved who it is of, epoch ms (sessions only). */
  readonly authenticatedAt: number | null
}

/** What a control-plane handler gets: validated input and the caller. */
export interface ControlRequest<Body = unknown, Query = unknown, Params = unknown> {
  readonly principal: Principal
  readonly body: Body
  readonly query: Query
  readonly params: Params
  /** Lower-case names on a null prototype; repeated fields are joined by commas. */
  readonly headers: RequestHeaders
  /** The peer's address, through TRUST_PROXY. */
  readonly ip: string
  /** Did the client reach us by https (through TRUST_PROXY)? */
  readonly secure: boolean
  /** The path a trusted proxy puts before ours, without a slash at its end: '' or `/uniroute`. */
  readonly prefix: string
  /** Our own, bare ULID; the answer's `x-request-id` shows it as `req_…`. */
  readonly requestId: string
}

export interface ControlReply {
  readonly status: number
  /** Sent as JSON; undefined sends no body. */
  readonly body?: unknown
  readonly headers?: Record<string, string | string[]>
  /** Sent as it is instead of JSON, with the content-type of `headers`. */
  readonly text?: string
  /** As `text`. */
  readonly bytes?: Buffer
  /** The same, made while it is sent. */
  readonly stream?: AnswerStream
}

export interface RouteFacts {
  readonly method: Method
  /**
   * `/admin/provider-keys/:ref`: a `:name` segment matches one segment. The last segment may be `*name`, which matches
   * the rest of the path, slashes included, encoded or not (model ids).
   */
  readonly path: string
  readonly credential: CredentialKind
  /** The least role of a session. */
  readonly role?: Role
  /** Most bytes of body, after decompression too. */
  readonly bodyCap: number
  readonly rateClass: RateClass
  /** Open to those who still lack the second factor that this server demands of them: to add it, and to leave. */
  readonly mayLackFactor?: true
  /** Only after a sign-in of the last ten minutes: whoever finds an open browser must not be able to do this. */
  readonly recentSignIn?: true
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

/** Where a data route can be reached besides its own path: `/openai/v1/…`, `/anthropic/v1/…`, `/gemini/v1beta/…`. */
export type Mount = 'openai' | 'anthropic' | 'gemini'

/** A traffic address: handed the socket, since bytes are relayed as they are. */
export interface DataRoute extends RouteFacts {
  readonly plane: 'data'
  /** `generateContent` for `/v1beta/models/x:generateContent`; only with a `*name` path. Taken off before decoding. */
  readonly verb?: string
  /** Mounts that lead here; all of them where absent. */
  readonly mounts?: readonly Mount[]
  readonly handle: (request: IncomingMessage, response: ServerResponse, match: RouteMatch) => void | Promise<void>
}

export type Route = ControlRoute | DataRoute

/** Request headers by lower-case name, on a null prototype. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>

export interface RouteMatch {
  readonly route: Route
  /** Decoded, on a null prototype. */
  readonly params: Readonly<Record<string, string>>
  /** The normalised path, without the query: mount and doubled version segment taken off, ids as sent. */
  readonly path: string
  readonly query: URLSearchParams
  /** Our own, bare ULID; `x-request-id` and `request-id` are already set on the response as `req_…`. */
  readonly requestId: string
  /** The client's own `x-request-id`, cleaned; for the log only, never a key. */
  readonly clientRequestId: string | null
  /** The mount the client came through, a hint of its dialect. */
  readonly mount: Mount | null
  readonly headers: RequestHeaders
  /** The peer's address, through TRUST_PROXY. */
  readonly ip: string
  /** Did the client reach us by https (through TRUST_PROXY)? */
  readonly secure: boolean
  /** The path a trusted proxy puts before ours, without a slash at its end: '' or `/uniroute`. */
  readonly prefix: string
}

/** What a request shows to prove who calls; the one handed-in function turns it into a Principal or throws. */
export type Credential =
  | { readonly kind: 'session'; readonly token: string; readonly mayLackFactor?: boolean }
  | { readonly kind: 'api-key'; readonly key: string }
export type Authenticate = (credential: Credential) => Promise<Principal>

/** Declares a management route; the types of body, query and params come from its schemas. */
export function defineControlRoute<Body = undefined, Query = undefined, Params = undefined>(
  route: Omit<ControlRoute<Body, Query, Params>, 'plane'>,
): ControlRoute<Body, Query, Params> {
  return { plane: 'control', ...route }
}

export const CONTROL_BODY_CAP = 256 * 1024
export const SIGN_IN_BODY_CAP = 16 * 1024
export const DATA_BODY_CAP = 32 * 1024 * 1024
