// How whole answers leave: the control plane's error shape, the security headers, and what becomes of a request body
// nobody read. An answer to a client that is still sending would be lost in the reset of its connection, so the rest is
// read and thrown away for a moment before the connection closes.
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { GatewayError } from '../kernel/errors.ts'
import { toPublicId } from '../kernel/ids.ts'
import type { RequestHeaders } from './route.ts'
import { type AnswerStream, pumpAnswer } from './stream-answer.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer | undefined
  /** Instead of a body: made while it is sent. */
  readonly stream?: AnswerStream | undefined
}

/** Puts an error into a dialect; the id is a bare ULID. */
export type EncodeError = (error: GatewayError, requestId: string) => Answer
/** How errors are put into the dialect of an address; undefined leaves them to the control plane's shape. */
export type ChooseErrorEncoder = (path: string, headers: RequestHeaders) => EncodeError | undefined

export const JSON_TYPE = 'application/json; charset=utf-8'
const HTML_POLICY = "default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'; form-action 'self'"
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

const LINGER_MS = 2_000
const LINGER_BYTES = 64 * 1024 * 1024
/** Unread bodies up to this size are read to their end and the connection lives on. */
const HARMLESS_BODY = 64 * 1024

/** What every answer carries, whoever writes it: names and values in turn. */
function listBaseHeaders(requestId: string): string[] {
  const id = toPublicId('req', requestId)
  const ids = ['x-request-id', id, 'request-id', id]
  return ids.concat('x-content-type-options', 'nosniff', 'referrer-policy', 'no-referrer')
}

/** Set before anything else can fail. */
export function setBaseHeaders(response: ServerResponse, requestId: string): void {
  const fields = listBaseHeaders(requestId)
  for (let index = 0; index < fields.length; index += 2) response.setHeader(fields[index]!, fields[index + 1]!)
}

/** `{"error": sentence, "code", "details"?}` with the right status. */
export function encodeControlError(error: GatewayError): Answer {
  const headers: Record<string, string> = { 'content-type': JSON_TYPE }
  if (error.retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfter)))
  if (error.status === 401) headers['www-authenticate'] = 'Bearer'
  const details = error.details === undefined ? {} : { details: error.details }
  return {
    status: error.status,
    headers,
    body: JSON.stringify({ error: error.publicMessage, code: error.code, ...details }),
  }
}

/** The control plane's headers round an answer: never cached, never framed; pages may load what we serve ourselves. */
export function withControlHeaders(answer: Answer): Answer {
  const isPage = String(answer.headers['content-type'] ?? '').startsWith('text/html')
  const base = { 'cache-control': 'no-store', 'content-security-policy': isPage ? HTML_POLICY : DATA_POLICY }
  const page = isPage ? { 'cross-origin-opener-policy': 'same-origin' } : {}
  return { ...answer, headers: { ...base, ...page, ...answer.headers } }
}

/** An error in the shape its address speaks. */
export function encodeEarly(
  choose: ChooseErrorEncoder | undefined,
  path: string,
  headers: RequestHeaders,
  error: GatewayError,
  requestId: string,
): Answer {
  const encode = choose?.(path, headers) ?? encodeEarlyControlError
  return encode(error, requestId)
}

export const encodeEarlyControlError: EncodeError = (error) => withControlHeaders(encodeControlError(error))

/** Sends a whole answer. `close` ends the connection after it. */
export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  close = false,
): void | Promise<void> {
  if (response.headersSent || response.destroyed) {
    // Too late for a status: a cut connection is the only honest sign left.
    if (!response.writableEnded) response.destroy()
    return
  }
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  response.statusCode = answer.status
  if (answer.stream && request.method !== 'HEAD') return pumpAnswer(response, answer.stream)
  if (answer.status !== 204 && answer.status !== 304) response.setHeader('content-length', body?.length ?? 0)
  const abandoned = hasUnreadBody(request)
  // Whoever sends so slowly is not waited for again.
  const stalled = answer.status === 408 && !request.complete
  if (close || abandoned || stalled) response.setHeader('connection', 'close')
  if (!abandoned || body === undefined || request.method === 'HEAD') response.end(body)
  else {
    response.write(body)
    discardBody(request, () => response.end())
  }
}

/** More of it than is read and thrown away without a word. */
export function hasUnreadBody(request: IncomingMessage): boolean {
  if (request.complete || request.destroyed) return false
  if (request.headers['transfer-encoding'] !== undefined) return true
  return Number(request.headers['content-length'] ?? 0) > HARMLESS_BODY
}

/** Reads on and throws away, for a moment at most. */
function discardBody(request: IncomingMessage, done: () => void): void {
  let left = LINGER_BYTES
  const timer = setTimeout(finish, LINGER_MS)
  function onData(chunk: Buffer): void {
    left -= chunk.length
    if (left < 0) finish()
  }
  function finish(): void {
    clearTimeout(timer)
    request.off('data', onData).off('end', finish).off('close', finish)
    done()
  }
  request.on('data', onData).on('end', finish).on('close', finish).resume()
}

/**
 * An answer as bytes, past Node's response object: for broken requests and CONNECT, which have none, and for what must
 * cost nothing. It ends the connection unless `further` says otherwise.
 */
export function renderRawAnswer(
  answer: Answer,
  requestId: string,
  further: Readonly<Record<string, string>> = { connection: 'close' },
): string {
  const body = answer.body?.toString() ?? ''
  const base = listBaseHeaders(requestId)
  let text = `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? 'Error'}\r\n`
  for (let index = 0; index < base.length; index += 2) text += `${base[index]!}: ${base[index + 1]!}\r\n`
  for (const fields of [answer.headers, further]) {
    for (const name in fields) {
      const value = fields[name]!
      if (typeof value === 'string') text += `${name}: ${value}\r\n`
      else for (const one of value) text += `${name}: ${one}\r\n`
    }
  }
  return `${text}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/**
 * What the log may know of a thrown value: kind and place. Its message may quote a header or a password, so it stays
 * out.
 */
export function describeException(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { error: typeof thrown }
  const frames = thrown.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? []
  const { code } = thrown as { code?: unknown }
  return {
    error: thrown.name,
    ...(typeof code === 'string' ? { error_code: code } : {}),
    at: frames.slice(0, 8).map((line) => line.trim()),
    ...(thrown.cause === undefined ? {} : { cause: describeException(thrown.cause) }),
  }
}
