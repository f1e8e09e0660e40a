// Reads who a request claims to be. It only reads: the one handed-in `authenticate` decides. On the data plane the
// UniRoute key is the first of four places that starts with `ur_`; whatever stands in the others is ignored, since some
// clients send two. A session is a JWT in `Authorization: Bearer` and nothing else, so a key never opens the control
// plane and a token never pays for traffic.
import { createHash, timingSafeEqual } from 'node:crypto'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import type { Credential, CredentialKind, RequestHeaders } from './route.ts'

const BEARER = /^Bearer +(\S+) *$/i
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const API_KEY = /^ur_[\x21-\x7e]*$/
const LONGEST_CREDENTIAL = 4096
/** Query parameters whose value is never logged. */
const SECRET_PARAMETERS = new Set(['key', 'api_key', 'apikey', 'token', 'access_token', 'code', 'password'])
const SECRET_VALUE = /^(?:ur_|sk-|AIza|AQ\.|eyJ)/
const REDACTED = '[redacted]'

/** The credential of the kind a route asks for; undefined where the request shows none of that kind. */
export function readCredential(
  kind: CredentialKind,
  headers: RequestHeaders,
  query: URLSearchParams,
): Credential | undefined {
  if (kind === 'session') {
    const token = readBearer(headers)
    return token !== undefined && JWT.test(token) ? { kind, token } : undefined
  }
  if (kind !== 'api-key') return undefined
  for (const shown of [readBearer(headers), headers['x-api-key'], headers['x-goog-api-key'], query.get('key')]) {
    const key = shown?.trim()
    if (key !== undefined && key.length <= LONGEST_CREDENTIAL && API_KEY.test(key)) return { kind, key }
  }
  return undefined
}

/** What stands behind `Authorization: Bearer`. */
export function readBearer(headers: RequestHeaders): string | undefined {
  const header = headers['authorization']
  if (header === undefined || header.length > LONGEST_CREDENTIAL) return undefined
  return BEARER.exec(header)?.[1]
}

/** Compares in constant time, whatever the lengths. */
export function matchesToken(shown: string | undefined, expected: Secret): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest()
  return shown !== undefined && timingSafeEqual(digest(shown), digest(revealSecret(expected)))
}

/** A URL for the log: values of credential parameters and parts of the path like keys taken out, the rest as it was. */
export function scrubUrl(url: string): string {
  const mark = url.indexOf('?')
  const path = mark === -1 ? url : url.slice(0, mark)
  const scrubbed = path.split('/').map(scrubSegment).join('/')
  if (mark === -1) return scrubbed
  const pairs = url.slice(mark + 1).split('&')
  return `${scrubbed}?${pairs.map(scrubPair).join('&')}`
}

/** A slash may be encoded within a segment; what cannot be decoded is no key. */
function scrubSegment(segment: string): string {
  const plain = segment.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  return plain.split('/').some((part) => SECRET_VALUE.test(part.trimStart())) ? REDACTED : segment
}

function scrubPair(pair: string): string {
  const equals = pair.indexOf('=')
  if (equals === -1) return SECRET_VALUE.test(pair) ? REDACTED : pair
  // The form decoding of URLSearchParams, so that `k%65y=` is the parameter it will be read as.
  const [[name, value] = ['', '']] = [...new URLSearchParams(pair)]
  if (!SECRET_PARAMETERS.has(name.toLowerCase()) && !SECRET_VALUE.test(value)) return pair
  return `${pair.slice(0, equals)}=${REDACTED}`
}
