// The head of an answer, read strictly: whatever two readers might understand differently is no answer (RFC 9112).
// Invariant: how the body ends is told by one field alone, or the head is refused.
import { LowerCaseNames } from '../../kernel/lower-case-names.ts'
import type { UpstreamHeaders } from '../upstream.ts'

/** How the end of the body is known. */
export type Framing = 'none' | 'length' | 'chunked' | 'until-close'

export interface ResponseHead {
  readonly status: number
  readonly headers: UpstreamHeaders
  readonly framing: Framing
  /** Of the body where `framing` is `length`. */
  readonly length: number
  /** May the connection carry another request afterwards? */
  readonly isPersistent: boolean
  /** So long it may wait for one, as the other side tells; null where it tells nothing. */
  readonly idleSeconds: number | null
}

/** A byte that belongs in no field, or half of a line's end. */
const NOT_IN_HEAD = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** A whole number that a double holds exactly. */
const LENGTH = /^\d{1,15}$/
const IDLE_SECONDS = /(?:^|,)[\t ]*timeout=(\d{1,6})/i

const names = new LowerCaseNames()

interface Fields {
  readonly headers: Record<string, string | string[]>
  lengths: number
  codings: number
}

/** Everything before the blank line; null where it is malformed. */
export function readResponseHead(text: string): ResponseHead | null {
  const status = readStatus(text)
  if (status === 0 || NOT_IN_HEAD.test(text)) return null
  const end = text.indexOf('\r\n')
  const fields = readFields(text, end === -1 ? text.length : end + 2)
  if (fields === null) return null
  return frame(status, text.charCodeAt(7) === 0x31, fields)
}

/** Trailers, which nobody is told of: are they well-formed, and do they say nothing of where the body ends? */
export function areTrailers(text: string): boolean {
  const fields = NOT_IN_HEAD.test(text) ? null : readFields(text, 0)
  return fields !== null && fields.lengths + fields.codings === 0
}

/** A head of which the end is still to come: can it become one, as far as its first line tells? */
export function mayBeginHead(text: string): boolean {
  return text.startsWith('HTTP/1.') || 'HTTP/1.'.startsWith(text)
}

/** Part of a head or of trailers, of which the end is still to come. */
export function mayBecomeFields(text: string): boolean {
  return !NOT_IN_HEAD.test(text.endsWith('\r') ? text.slice(0, -1) : text)
}

/** 0 where the first line is none of HTTP/1.1 or HTTP/1.0. */
function readStatus(text: string): number {
  if (!text.startsWith('HTTP/1.') || text.charCodeAt(8) !== 0x20) return 0
  const version = text.charCodeAt(7)
  const [first, second, third] = [text.charCodeAt(9) - 0x30, text.charCodeAt(10) - 0x30, text.charCodeAt(11) - 0x30]
  const behind = text.charCodeAt(12)
  const isWhole = behind === 0x20 || behind === 0x0d || text.length === 12
  if ((version !== 0x30 && version !== 0x31) || !isWhole) return 0
  return first >= 1 && first <= 9 && isDigit(second) && isDigit(third) ? first * 100 + second * 10 + third : 0
}

const isDigit = (value: number): boolean => value >= 0 && value <= 9

function readFields(text: string, start: number): Fields | null {
  const fields: Fields = { headers: Object.create(null) as Fields['headers'], lengths: 0, codings: 0 }
  for (let at = start; at < text.length;) {
    const found = text.indexOf('\r\n', at)
    const end = found === -1 ? text.length : found
    const colon = text.indexOf(':', at)
    if (colon === -1 || colon > end) return null
    const raw = text.slice(at, colon)
    const name = names.find(raw) ?? (TOKEN.test(raw) ? names.add(raw) : null)
    if (name === null) return null
    let from = colon + 1
    let to = end
    while (from < to && isBlank(text.charCodeAt(from))) from++
    while (to > from && isBlank(text.charCodeAt(to - 1))) to--
    add(fields, name, text.slice(from, to))
    at = end + 2
  }
  return fields
}

function add(fields: Fields, name: string, value: string): void {
  const earlier = fields.headers[name]
  if (earlier === undefined) fields.headers[name] = value
  else if (typeof earlier === 'string') fields.headers[name] = [earlier, value]
  else earlier.push(value)
  if (name === 'content-length') fields.lengths++
  else if (name === 'transfer-encoding') fields.codings++
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

function frame(status: number, isNewer: boolean, { headers, lengths, codings }: Fields): ResponseHead | null {
  if (lengths > 1 || codings > 1 || lengths + codings > 1) return null
  const told = headers['content-length'] as string | undefined
  if (told !== undefined && !LENGTH.test(told)) return null
  const coding = headers['transfer-encoding'] as string | undefined
  // Another coding than this one would have to be decoded, and HTTP/1.0 knows none.
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || !isNewer)) return null
  const length = told === undefined ? 0 : Number(told)
  const hasNoBody = status < 200 || status === 204 || status === 304
  const isQuiet = !hasNoBody || (coding === undefined && length === 0)
  const framing: Framing = hasNoBody
    ? 'none'
    : coding !== undefined
      ? 'chunked'
      : told !== undefined
        ? 'length'
        : 'until-close'
  return {
    status,
    headers,
    framing,
    length,
    isPersistent: isNewer && isQuiet && framing !== 'until-close' && !saysClose(headers['connection']),
    idleSeconds: readIdleSeconds(headers['keep-alive']),
  }
}

function saysClose(connection: string | string[] | undefined): boolean {
  if (connection === undefined || connection === 'keep-alive') return false
  return String(connection)
    .toLowerCase()
    .split(',')
    .some((word) => word.trim() === 'close')
}

function readIdleSeconds(told: string | string[] | undefined): number | null {
  if (told === undefined) return null
  const found = IDLE_SECONDS.exec(String(told))
  return found ? Number(found[1]) : null
}
