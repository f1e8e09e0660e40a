// What every data-plane answer says: which provider and model, whose key, why, after how many tries. And which of the
// provider's own headers go on to the client: a short list, never all but a few.
import type { ServerResponse } from 'node:http'
import { toPublicId } from '../kernel/ids.ts'
import type { RateLimits } from '../protocols/rate-limits.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import { pickTighter, setRateLimits } from './admission.ts'
import type { Exchange } from './exchange.ts'

const FORWARDED = new Set(['retry-after', 'retry-after-ms', 'x-should-retry', 'openai-processing-ms'])
const FORWARDED_PREFIXES = ['x-ratelimit-', 'anthropic-ratelimit-']
const UPSTREAM_ID_HEADERS = ['x-request-id', 'request-id', 'x-goog-request-id']

/** Who served, or was tried last. */
export function setPlanHeaders(exchange: Exchange): void {
  const { response, target, attempts } = exchange
  response.setHeader('x-uniroute-provider', exchange.provider.id)
  if (exchange.model !== '') response.setHeader('x-uniroute-model', headerSafe(exchange.model))
  response.setHeader('x-uniroute-attempts', String(attempts))
  if (target) {
    response.setHeader('x-uniroute-billed-to', target.payer)
    response.setHeader('x-uniroute-fallback', target.fallback)
    if (target.key) response.setHeader('x-uniroute-key', toPublicId('pk', target.key.id))
  }
  if (exchange.warnings.length > 0) response.setHeader('x-uniroute-warnings', exchange.warnings.join(';'))
}

export function setForwardedHeaders(exchange: Exchange, headers: UpstreamHeaders): void {
  const { response, protocol, admitted } = exchange
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined) continue
    if (FORWARDED.has(name) || FORWARDED_PREFIXES.some((prefix) => name.startsWith(prefix))) {
      response.setHeader(name, value)
    }
  }
  if (admitted) {
    const now = readDate(exchange, headers)
    setRateLimits(response, protocol, pickTighter(admitted.standing, readRateLimits(exchange, headers, now)), now)
  }
  setUpstreamRequestId(response, readUpstreamRequestId(headers))
}

/** A translated answer keeps of the provider's headers what can be said in the client's dialect. */
export function setTranslatedHeaders(exchange: Exchange, headers: UpstreamHeaders): void {
  const { response, protocol, admitted } = exchange
  const now = readDate(exchange, headers)
  const theirs = readRateLimits(exchange, headers, now)
  setRateLimits(response, protocol, admitted ? { ...theirs, ...pickTighter(admitted.standing, theirs) } : theirs, now)
  setUpstreamRequestId(response, readUpstreamRequestId(headers))
}

/** Within a second all answers of a provider say the same. */
let lastDate: { readonly text: string; readonly at: number } = { text: '', at: NaN }

/** Moments and durations are counted from the provider's own clock. */
function readDate({ createdAt }: Exchange, headers: UpstreamHeaders): number {
  const text = String(headers['date'])
  if (text !== lastDate.text) lastDate = { text, at: Date.parse(text) }
  return Number.isNaN(lastDate.at) ? createdAt : lastDate.at
}

function readRateLimits({ upstreamDialect }: Exchange, headers: UpstreamHeaders, now: number): RateLimits {
  return (upstreamDialect && PROTOCOLS[upstreamDialect].rateLimits?.read(headers, now)) || {}
}

export function setStreamHeaders(response: ServerResponse): void {
  response.setHeader('cache-control', 'no-cache, no-transform')
  response.setHeader('x-accel-buffering', 'no')
}

/** On every answer, an error too: the id of the call it speaks of, which is the last. */
export function setUpstreamRequestId(response: ServerResponse, id: string | null): void {
  if (response.headersSent) return
  if (id === null) response.removeHeader('x-uniroute-upstream-request-id')
  else response.setHeader('x-uniroute-upstream-request-id', id)
}

/** The provider's own id for the call; null where it gave none of a sane form. */
export function readUpstreamRequestId(headers: UpstreamHeaders): string | null {
  for (const name of UPSTREAM_ID_HEADERS) {
    const value = headers[name]
    if (typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)) return value
  }
  return null
}

// A model's name is the client's: what cannot stand in a header is percent-encoded.
function headerSafe(text: string): string {
  return /^[\x20-\x7e]{0,256}$/.test(text) ? text : encodeURIComponent(text.slice(0, 256).toWellFormed())
}
