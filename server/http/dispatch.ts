// The way of one request: an id, strictness, the route table, then the plane it belongs to. Errors met on the way, as
// long as no route has taken over, are put into the dialect of the address by the handed-in encoder.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError, toGatewayError } from '../kernel/errors.ts'
import { createUlid } from '../kernel/ids.ts'
import type { Log } from '../kernel/log.ts'
import {
  describeException,
  encodeControlError,
  encodeEarly,
  type ChooseErrorEncoder,
  sendAnswer,
  setBaseHeaders,
  withControlHeaders,
} from './answers.ts'
import { tooLarge } from './body.ts'
import type { Connections } from './connections.ts'
import { answerControl, type ControlOptions } from './control.ts'
import { scrubUrl } from './credentials.ts'
import type { PeerReader } from './forwarded.ts'
import type { DataRoute, RequestHeaders, Route, RouteMatch } from './route.ts'
import type { FoundRoute, Router } from './router.ts'
import { type AcceptedHead, checkRequestHead } from './strictness.ts'

/** What the counters are told when a response is over. */
export interface AnsweredFacts {
  readonly route: Route | null
  readonly method: string
  readonly status: number
  readonly durationMs: number
}

export interface DispatchOptions {
  readonly router: Router
  readonly peers: PeerReader
  readonly clock: Clock
  readonly log: Log
  readonly control: ControlOptions
  readonly connections: Pick<Connections, 'vouchFor'>
  readonly chooseErrorEncoder?: ChooseErrorEncoder | undefined
  readonly onAnswered?: ((facts: AnsweredFacts) => void) | undefined
}

/** One request on its way, as far as it is understood. */
interface Scene {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
  /** As asked for, query taken off: chooses the envelope of an early error. */
  readonly path: string
  headers: RequestHeaders
  route: Route | null
}

export const NO_HEADERS: RequestHeaders = Object.freeze(Object.create(null) as Record<string, string>)
/** Sockets whose framing we do not trust: whatever else arrives on them was never a request. */
const condemned = new WeakSet<Socket>()
const LONGEST_CLIENT_ID = 128
/** Shared by all requests without a query, hence not to be changed. */
export const NO_QUERY = createEmptyQuery()

/** Did we refuse something on this socket that puts all behind it in doubt? */
export function isCondemned(socket: Socket): boolean {
  return condemned.has(socket)
}

/** What the Expect header asks for; with `continue` the client holds its body back until told to go on. */
export type Expectation = 'nothing' | 'continue' | 'unknown'

/** Takes a request from Node. */
export function dispatchRequest(
  options: DispatchOptions,
  request: IncomingMessage,
  response: ServerResponse,
  expects: Expectation,
  /** When it was met, by the monotonic clock, milliseconds. */
  startedAt: number,
): void {
  const requestId = createUlid(options.clock.now())
  const scene: Scene = { request, response, requestId, path: pathOf(request.url), headers: NO_HEADERS, route: null }
  setBaseHeaders(response, requestId)
  response.once('close', () => {
    const durationMs = options.clock.monotonic() - startedAt
    const { route } = scene
    const { statusCode: status } = response
    if (status < 400 && route !== null && route.credential !== 'none') options.connections.vouchFor(request.socket)
    options.onAnswered?.({ route, method: request.method ?? '', status, durationMs })
  })
  const { method, url, httpVersion, rawHeaders } = request
  const verdict = checkRequestHead({ method, url, httpVersion, rawHeaders })
  if ('refused' in verdict) return refuse(options, scene, verdict.refused, {}, true)
  scene.headers = verdict.accepted.headers
  // Its body may follow or not: nobody can tell where the next request begins.
  if (expects === 'unknown') return refuse(options, scene, new GatewayError('expectation_failed'), {}, true)
  chooseRoute(options, scene, verdict.accepted, expects === 'continue')
}

/** The part of a URL that chooses an error's envelope; empty where there is none. */
export function pathOf(url: string | undefined): string {
  return url?.startsWith('/') ? url.split('?', 1)[0]! : ''
}

function chooseRoute(options: DispatchOptions, scene: Scene, head: AcceptedHead, awaitsContinue: boolean): void {
  const { router } = options
  if (head.method === 'OPTIONS') {
    const allow = head.path === '*' ? ['GET', 'OPTIONS', 'POST'] : router.listMethods(head.path)
    if (allow) {
      void sendAnswer(scene.request, scene.response, { status: 204, headers: { allow: allow.join(', ') } })
      return
    }
  }
  if (asksForWebSocket(head) && isDataPath(router, head.path)) {
    return refuse(options, scene, new GatewayError('upgrade_required'), { upgrade: 'HTTP/1.1' }, true)
  }
  const verdict = router.match(head.method, head.path)
  if ('refused' in verdict) {
    const allow = verdict.allow ? { allow: verdict.allow.join(', ') } : undefined
    return refuse(options, scene, verdict.refused, allow, verdict.refused.code === 'bad_request')
  }
  const { found } = verdict
  scene.route = found.route
  const announced = Number(head.headers['content-length'] ?? 0)
  if (announced > found.route.bodyCap && found.route.bodyCap > 0) {
    return refuse(options, scene, tooLarge(found.route.bodyCap))
  }
  if (awaitsContinue) scene.response.writeContinue()
  serve(options, scene, head, found)
}

function serve(options: DispatchOptions, scene: Scene, head: AcceptedHead, found: FoundRoute): void {
  const { request, requestId } = scene
  const encrypted = (request.socket as Socket & { encrypted?: boolean }).encrypted === true
  const peer = options.peers.readPeer(request.socket.remoteAddress, encrypted, head.headers)
  const match: RouteMatch = {
    route: found.route,
    params: found.params,
    path: found.path,
    query: head.query === '' ? NO_QUERY : new URLSearchParams(head.query),
    requestId,
    clientRequestId: cleanClientId(head.headers['x-request-id']),
    mount: found.mount,
    headers: head.headers,
    ip: peer.ip,
    secure: peer.secure,
    prefix: peer.prefix,
  }
  if (found.route.plane === 'data') return serveData(options, scene, found.route, match)
  answerControl({ route: found.route, request, match, local: peer.local }, options.control)
    .catch((thrown: unknown) => {
      const error = toGatewayError(thrown)
      logFailure(options.log, error, request, requestId)
      return withControlHeaders(encodeControlError(error))
    })
    .then((answer) => sendAnswer(request, scene.response, answer))
    // An answer that cannot be written (a header the handler got wrong) is our mistake.
    .catch((thrown: unknown) => refuse(options, scene, new GatewayError('internal_error', { cause: thrown })))
}

function serveData(options: DispatchOptions, scene: Scene, route: DataRoute, match: RouteMatch): void {
  const fail = (thrown: unknown): void => refuse(options, scene, toGatewayError(thrown))
  try {
    const running = route.handle(scene.request, scene.response, match)
    if (running) running.catch(fail)
  } catch (thrown) {
    fail(thrown)
  }
}

/** Answers an error before, or instead of, what the route would have answered. */
function refuse(
  options: DispatchOptions,
  scene: Scene,
  error: GatewayError,
  extra: Record<string, string> = {},
  close = false,
): void {
  const { request, response, requestId, path, headers } = scene
  logFailure(options.log, error, request, requestId)
  if (close) condemned.add(request.socket)
  const answer = encodeEarly(options.chooseErrorEncoder, path, headers, error, requestId)
  void sendAnswer(request, response, { ...answer, headers: { ...answer.headers, ...extra } }, close)
}

function logFailure(log: Log, error: GatewayError, request: IncomingMessage, requestId: string): void {
  if (error.status < 500) return
  const facts = { request_id: requestId, method: request.method, url: scrubUrl(request.url ?? ''), code: error.code }
  const cause = error.cause === undefined ? {} : { cause: describeException(error.cause) }
  log.error({ ...facts, ...cause }, 'request failed')
}

function isDataPath(router: Router, path: string): boolean {
  return (['POST', 'GET'] as const).some((method) => {
    const verdict = router.match(method, path)
    return 'found' in verdict && verdict.found.route.plane === 'data'
  })
}

function asksForWebSocket(head: AcceptedHead): boolean {
  return head.headers['upgrade']?.toLowerCase().includes('websocket') === true
}

function createEmptyQuery(): URLSearchParams {
  const refuseChange = (): never => {
    throw new TypeError('the query of a request is read only')
  }
  const query = new URLSearchParams()
  return Object.assign(query, { append: refuseChange, delete: refuseChange, set: refuseChange, sort: refuseChange })
}

/** A client's own id goes into logs beside ours: printable ASCII, bounded, or nothing. */
function cleanClientId(shown: string | undefined): string | null {
  const clean = shown?.replace(/[^\x21-\x7e]/g, '').slice(0, LONGEST_CLIENT_ID)
  return clean ? clean : null
}
