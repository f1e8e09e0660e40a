// The one HTTP server of both planes, on bare node:http: its timeouts, its broken sockets and its end. Control routes
// are answered in this room whole; data routes are handed the socket and authenticate in their own pipeline, through
// the same handed-in function.
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Clock } from '../kernel/clock.ts'
import { GatewayError } from '../kernel/errors.ts'
import { createUlid } from '../kernel/ids.ts'
import type { Log } from '../kernel/log.ts'
import { type ChooseErrorEncoder, encodeEarly, renderRawAnswer } from './answers.ts'
import { type Connections, createConnections } from './connections.ts'
import type { ControlOptions } from './control.ts'
import {
  type AnsweredFacts,
  dispatchRequest,
  type DispatchOptions,
  isCondemned,
  NO_HEADERS,
  pathOf,
} from './dispatch.ts'
import { createPeerReader, isLoopback } from './forwarded.ts'
import { createOverload, type Overload } from './overload.ts'
import { createRefusedActs } from './refused-acts.ts'
import type { Route } from './route.ts'
import { createRouter } from './router.ts'
import { createShedding } from './shedding.ts'

export interface HttpLimits {
  readonly headersMs: number
  readonly requestMs: number
  readonly keepAliveMs: number
  readonly bodyIdleMs: number
  /** Half of how long a client may take nothing of an answer that is written to its end. */
  readonly unreadMs: number
  readonly headerBytes: number
  readonly connectionsPerAddress: number
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  headersMs: 60_000,
  requestMs: 600_000,
  keepAliveMs: 75_000,
  bodyIdleMs: 60_000,
  unreadMs: 60_000,
  headerBytes: 16 * 1024,
  connectionsPerAddress: 4_096,
}

export interface HttpOptions extends ControlOptions {
  readonly routes: readonly Route[]
  readonly clock: Clock
  readonly log: Log
  /** Is this peer one of TRUST_PROXY? Nobody is, where absent. */
  readonly isTrustedProxy?: (ip: string) => boolean
  readonly chooseErrorEncoder?: ChooseErrorEncoder
  readonly limits?: Partial<HttpLimits>
  /** Whose connections are not counted: this machine's and trusted proxies', where absent. */
  readonly isUncounted?: (address: string) => boolean
  /** Found out by how late the event loop is, where absent. */
  readonly overload?: Overload
  readonly onAnswered?: (facts: AnsweredFacts) => void
}

export interface Http {
  readonly server: Server
  /** Listens; port 0 picks a free one. */
  listen(port: number, host: string): Promise<AddressInfo>
  /** Accepts nothing new, finishes what is in flight for at most so many seconds; says how many it had to cut. */
  drain(seconds: number): Promise<{ readonly cut: number }>
  readonly draining: boolean
  readonly inFlight: number
  readonly overload: Pick<Overload, 'isOn' | 'refused'>
}

/** A parser's complaint, with the bytes it was given last. */
interface ClientFault extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer
}

/**
 * How Node hands over a request, by what its Expect header asks for; unheard, it would answer without an id or a body.
 */
const EXPECTATIONS = [
  ['request', 'nothing'],
  ['checkContinue', 'continue'],
  ['checkExpectation', 'unknown'],
] as const
const LONGEST_REQUEST_LINE = 2_048
/** Sockets in the middle of sending a request when a drain ends get this long to finish sending it. */
const DRAIN_GRACE_MS = 1_000
/** For a client that does not read: one read of a provider's socket fills it, where twice as much would take two. */
const HELD_PER_CLIENT = 32 * 1024
/** A connection we gave up on may read our last words this long. */
const LAST_WORDS_MS = 1_000

export function createHttp(options: HttpOptions): Http {
  const limits: HttpLimits = { ...DEFAULT_HTTP_LIMITS, ...options.limits }
  const peers = createPeerReader(options.isTrustedProxy ?? (() => false))
  const connections = createConnections({
    capPerAddress: limits.connectionsPerAddress,
    isExempt: options.isUncounted ?? ((address) => isLoopback(address) || peers.isTrusted(address)),
  })
  const overload = options.overload ?? createOverload({ ...options, readMet: () => connections.met })
  const router = createRouter(options.routes)
  const dispatch: DispatchOptions = {
    router,
    connections,
    peers,
    clock: options.clock,
    log: options.log,
    control: { ...options, bodyIdleMs: limits.bodyIdleMs, noteRefused: createRefusedActs(options.log) },
    chooseErrorEncoder: options.chooseErrorEncoder,
    onAnswered: options.onAnswered,
  }
  const shedding = createShedding({ ...options, router, overload, connections, keepAliveMs: limits.keepAliveMs })
  const server = createBareServer(limits)
  answerBrokenSockets(server, connections, dispatch)
  let drained: Promise<{ readonly cut: number }> | undefined

  for (const [event, expects] of EXPECTATIONS) {
    server.on(event, (request, response) => {
      if (isCondemned(request.socket)) return
      const metAt = options.clock.monotonic()
      const awaitsContinue = expects === 'continue'
      if (!drained && expects !== 'unknown' && shedding.shed({ request, response, awaitsContinue, metAt })) return
      connections.begin({ request, response })
      if (drained) {
        response.shouldKeepAlive = false
        response.once('close', () => setImmediate(() => server.closeIdleConnections()))
      }
      dispatchRequest(dispatch, request, response, expects, metAt)
    })
  }

  return {
    server,
    listen(port, host) {
      overload.start()
      const readers = setInterval(() => connections.hurryReaders(limits.unreadMs), limits.unreadMs / 6).unref()
      server.once('close', () => {
        overload.stop()
        clearInterval(readers)
      })
      return listen(server, port, host)
    },
    drain: (seconds) => (drained ??= drain(server, connections, seconds)),
    get draining() {
      return drained !== undefined
    },
    get inFlight() {
      return connections.inFlight
    },
    overload,
  }
}

function createBareServer(limits: HttpLimits): Server {
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    highWaterMark: HELD_PER_CLIENT,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(10_000, limits.headersMs),
    // Missing Host is refused by strictness, with a body that says so.
    requireHostHeader: false,
    // Dead peers of long streams are found by TCP.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  })
  // How long an answer takes is never limited here.
  server.timeout = 0
  return server
}

/** CONNECT and bytes that are no request have no response object: they are answered on the bare socket, then closed. */
function answerBrokenSockets(server: Server, connections: Connections, dispatch: DispatchOptions): void {
  const { clock, chooseErrorEncoder } = dispatch
  server.on('connection', (socket) => connections.open(socket))
  server.on('connect', (_request, stream) => {
    const error = new GatewayError('method_not_allowed', { message: 'This is not a proxy: CONNECT is refused.' })
    const requestId = createUlid(clock.now())
    const answer = encodeEarly(chooseErrorEncoder, '', NO_HEADERS, error, requestId)
    closeWith(
      stream as Socket,
      renderRawAnswer({ ...answer, headers: { ...answer.headers, allow: 'GET, POST' } }, requestId),
    )
  })
  server.on('clientError', (fault: ClientFault, stream) => {
    const socket = stream as Socket
    const exchange = connections.exchangeOn(socket)
    // Bytes behind a last request: they are not read, and the answer to that request still goes out.
    if (exchange && fault.code === 'HPE_CLOSED_CONNECTION') return
    if (!socket.writable || fault.code === 'ECONNRESET' || exchange?.response.headersSent) {
      socket.destroy()
      return
    }
    const requestId = createUlid(clock.now())
    const path = pathOf(exchange?.request.url ?? readTarget(fault))
    const answer = encodeEarly(chooseErrorEncoder, path, NO_HEADERS, describeClientError(fault), requestId)
    closeWith(socket, renderRawAnswer(answer, requestId))
  })
}

/** What the broken bytes ask for, where they begin with a request line; undefined otherwise. */
function readTarget({ rawPacket }: ClientFault): string | undefined {
  const head = rawPacket?.subarray(0, LONGEST_REQUEST_LINE).toString('latin1') ?? ''
  return /^[A-Z]+ (\/[!-~]*) HTTP\/1\.[01]\r?\n/.exec(head)?.[1]
}

function describeClientError(fault: NodeJS.ErrnoException): GatewayError {
  switch (fault.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new GatewayError('headers_too_large', { message: 'The request headers are larger than 16 KB.' })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new GatewayError('request_timeout', { message: 'The request stopped arriving. Send it again.' })
    default:
      return new GatewayError('bad_request', { message: 'This is not a well-formed HTTP/1.1 request.' })
  }
}

/** Writes the last bytes of a connection and closes it, leaving the peer a moment to read them. */
function closeWith(socket: Socket, bytes: string): void {
  const timer = setTimeout(() => socket.destroy(), LAST_WORDS_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.on('error', () => socket.destroy())
  socket.end(bytes)
  socket.resume()
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve(server.address() as AddressInfo)
    })
  })
}

async function drain(server: Server, connections: Connections, seconds: number): Promise<{ readonly cut: number }> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
  for (const { response } of connections.exchanges) {
    if (!response.headersSent) response.shouldKeepAlive = false
    response.once('close', () => setImmediate(() => server.closeIdleConnections()))
  }
  server.closeIdleConnections()
  const inTime = await within(seconds * 1000, connections.waitUntilIdle())
  const cut = connections.inFlight
  if (inTime) await within(DRAIN_GRACE_MS, closed)
  server.closeAllConnections()
  await closed
  return { cut }
}

/** Whether something happens within so many milliseconds. */
async function within(milliseconds: number, event: Promise<void>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), Math.min(milliseconds, 2 ** 31 - 1))
  event.then(
    () => resolve(true),
    () => resolve(false),
  )
  const happened = await promise
  clearTimeout(timer)
  return happened
}
