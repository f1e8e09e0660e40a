// What Node's HTTP parser lets through and we do not: the first lines of every request. A pure function over what came
// on the wire, so that it can be tested without a socket and cannot be forgotten on one path.
// `rawHeaders` is read and never the parsed object: the parsed object keeps the first of two `Authorization` headers,
// the application behind it might have read the second. Every refusal here closes the connection, since whoever sends
// such bytes may disagree with us about where the next request begins.
import { GatewayError } from '../kernel/errors.ts'
import { LowerCaseNames } from '../kernel/lower-case-names.ts'
import type { RequestHeaders } from './route.ts'

export interface RequestHead {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

export interface AcceptedHead {
  readonly method: string
  /** Still percent-encoded; starts with one slash, or is `*` for `OPTIONS *`. */
  readonly path: string
  /** Behind the question mark, or empty. */
  readonly query: string
  /** Lower-case names, null prototype: `__proto__` and `constructor` are names like any other. */
  readonly headers: RequestHeaders
}

export type HeadVerdict = { readonly accepted: AcceptedHead } | { readonly refused: GatewayError }

export const MAX_URL_LENGTH = 8 * 1024
export const MAX_HEADER_COUNT = 100

const names = new LowerCaseNames()

/** Carry who calls: once each, printable ASCII only. */
const CREDENTIAL_HEADERS = new Set(['authorization', 'proxy-authorization', 'x-api-key', 'x-goog-api-key'])
/** Decide what a request means: once each. */
const SINGLE_HEADERS = new Set([
  ...CREDENTIAL_HEADERS,
  'cookie',
  'host',
  'origin',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
])
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{1,5})?$/
const PRINTABLE = /^[\x20-\x7e]*$/
/** Visible ASCII without backslash and fragment mark. */
const TARGET = /^[\x21\x22\x24-\x5b\x5d-\x7e]*$/
/**
 * Google's own SDK joins an upload address to its base URL with one slash too many; there and nowhere else it is
 * dropped.
 */
const DOUBLED_UPLOAD = /^(\/gemini)?\/\/(?=upload\/v1(?:beta)?\/files(?:$|\?))/
const UNCLEAN_PATH = /\/\/|\/(?:\.|%2[Ee]){1,2}(?:\/|$)|%(?![0-9A-Fa-f]{2})|%00/

/** Accepts a request's head or says why it is refused. */
export function checkRequestHead(head: RequestHead): HeadVerdict {
  const { method, url, httpVersion, rawHeaders } = head
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return refuse('Say which version you speak: HTTP/1.1.')
  if (method === undefined || url === undefined) return refuse('The request line is incomplete.')
  const headers = checkHeaders(rawHeaders, httpVersion)
  if (headers instanceof GatewayError) return { refused: headers }
  if (method === 'CONNECT') {
    return { refused: new GatewayError('method_not_allowed', { message: 'This is not a proxy: CONNECT is refused.' }) }
  }
  const target = checkTarget(method, url)
  if (target instanceof GatewayError) return { refused: target }
  return { accepted: { method, path: target.path, query: target.query, headers } }
}

function refuse(message: string): HeadVerdict {
  return { refused: new GatewayError('bad_request', { message }) }
}

function badRequest(message: string): GatewayError {
  return new GatewayError('bad_request', { message })
}

function checkHeaders(rawHeaders: readonly string[], httpVersion: string): RequestHeaders | GatewayError {
  if (rawHeaders.length > MAX_HEADER_COUNT * 2) {
    return new GatewayError('headers_too_large', { message: `Send at most ${MAX_HEADER_COUNT} header fields.` })
  }
  const headers = Object.create(null) as Record<string, string | undefined>
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index]!
    const name = names.find(sent) ?? names.add(sent)
    const value = rawHeaders[index + 1] ?? ''
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (SINGLE_HEADERS.has(name)) return badRequest(`Send the header ${name} once.`)
    else headers[name] = `${before}, ${value}`
    if (CREDENTIAL_HEADERS.has(name) && !PRINTABLE.test(value)) {
      return badRequest(`The header ${name} holds bytes that no key or token contains. Copy it again.`)
    }
  }
  const host = headers['host']
  if (host === undefined) return badRequest('Send a Host header.')
  if (!HOST.test(host)) return badRequest('The Host header is not a host name with an optional port.')
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined) {
    return badRequest('HTTP/1.0 knows no Transfer-Encoding. Use HTTP/1.1.')
  }
  return headers
}

function checkTarget(method: string, asked: string): { path: string; query: string } | GatewayError {
  const url = asked.replace(DOUBLED_UPLOAD, '$1/')
  if (url.length > MAX_URL_LENGTH) {
    return new GatewayError('bad_request', { status: 414, message: 'The address is longer than 8 KB.' })
  }
  if (url === '*') return method === 'OPTIONS' ? { path: '*', query: '' } : badRequest('Send a path, not *.')
  if (!url.startsWith('/')) return badRequest('Send a path, not a whole URL: this is not a proxy.')
  if (!TARGET.test(url)) return badRequest('The address holds characters that must be percent-encoded.')
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const query = mark === -1 ? '' : url.slice(mark + 1)
  if (UNCLEAN_PATH.test(path)) {
    return badRequest('The path holds an empty segment, a dot segment or a broken percent escape. Send it normalised.')
  }
  return checkQueryKey(query) ?? { path, query }
}

/** `?key=` is a credential too: once, printable ASCII only. */
function checkQueryKey(query: string): GatewayError | undefined {
  if (query === '') return undefined
  const keys = new URLSearchParams(query).getAll('key')
  if (keys.length > 1) return badRequest('Send the parameter key once.')
  if (keys.length === 1 && !PRINTABLE.test(keys[0]!)) {
    return badRequest('The parameter key holds bytes that no key contains. Copy it again.')
  }
  return undefined
}
