// The first bytes of a request, written and checked: no name, value or path may end its line early, and what frames the
// message is written here and by nobody else.
import { LONGEST_REMEMBERED_NAME } from '../../kernel/lower-case-names.ts'
import type { UpstreamRequest } from '../upstream.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const NOT_IN_PATH = /[^\x21-\xff]/
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PATCH'])
/** Host, length and persistence are the connection's to say. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
])

const MOST_KNOWN = 256
/** Names that were looked at before. */
const known = new Set<string>()

/** The head as text, a character a byte. Throws where it cannot be sent; the error repeats no value. */
export function writeRequestHead({ method, path, headers, body }: UpstreamRequest, host: string): string {
  if (path.charCodeAt(0) !== 0x2f || NOT_IN_PATH.test(path)) throw new TypeError('a path that cannot be sent')
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at]!
    const value = headers[at + 1]!
    if (!known.has(name)) checkName(name)
    if (NOT_IN_VALUE.test(value)) throw new TypeError(`a value of ${name} that cannot be sent`)
    text += `${name}: ${value}\r\n`
  }
  const size = sizeOf(body)
  return size > 0 || WITH_BODY.has(method) ? `${text}content-length: ${size}\r\n\r\n` : `${text}\r\n`
}

/** A body where none is expected may be taken for the next request: the connection is not used again. */
export function isUsual({ method, body }: UpstreamRequest): boolean {
  return WITH_BODY.has(method) || sizeOf(body) === 0
}

export function sizeOf(body: UpstreamRequest['body']): number {
  let size = 0
  if (body !== null) for (const piece of body) size += piece.length
  return size
}

function checkName(name: string): void {
  if (!TOKEN.test(name)) throw new TypeError('a header name that cannot be sent')
  if (OWN_NAMES.has(name.toLowerCase())) throw new TypeError(`${name} is not the caller's to set`)
  if (known.size < MOST_KNOWN && name.length <= LONGEST_REMEMBERED_NAME) known.add(name)
}
