// Is a request that reached the provider one that UniRoute may send? Everything else is written down as a violation:
// the wrong kind of credential, a header outside the allow-list, a key in the URL, a body that is no JSON object.
import type { Vendor } from './fake-keys.ts'
import { BEARER_VERSION } from './anthropic.ts'

export interface Violation {
  readonly kind: 'auth' | 'header' | 'query' | 'body'
  readonly message: string
}

const EVERYWHERE = [
  'host',
  'connection',
  'content-type',
  'content-length',
  'transfer-encoding',
  'accept',
  'accept-encoding',
]

const ALLOWED: Record<Vendor, RegExp> = {
  openai:
    /^(authorization|openai-beta|session-id|thread-id|x-client-request-id|x-codex-.*|originator|idempotency-key)$/,
  anthropic: /^(authorization|x-api-key|anthropic-version|anthropic-beta)$/,
  google: /^(x-goog-api-key|x-goog-api-client|x-server-timeout|x-goog-upload-.*)$/,
  compat: /^authorization$/,
}

const CREDENTIALS = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key', 'proxy-authorization', 'cookie']

/** Name and value pairs, lower-cased names, duplicates kept. */
export type HeaderList = readonly (readonly [string, string])[]

export function checkHeaders(vendor: Vendor, headers: HeaderList): Violation[] {
  const violations: Violation[] = []
  for (const [name, value] of headers) {
    if (name === 'user-agent') {
      // Not on the list; the gateway may name itself, but a client's own name must not travel.
      if (/openai|anthropic|genai|python|ai-sdk|langchain/i.test(value)) {
        violations.push({ kind: 'header', message: `user-agent of the client was forwarded: ${value}` })
      }
    } else if (!EVERYWHERE.includes(name) && !ALLOWED[vendor].test(name)) {
      violations.push({ kind: 'header', message: `${name} is not on ${vendor}'s list` })
    }
  }
  return violations
}

export function checkCredential(vendor: Vendor, headers: HeaderList, query: URLSearchParams): Violation[] {
  const violations: Violation[] = []
  const add = (kind: Violation['kind'], message: string): void => void violations.push({ kind, message })
  const sent = headers.map(([name]) => name).filter((name) => CREDENTIALS.includes(name))
  const version = headers.find(([name]) => name === 'anthropic-version')?.[1]
  const wanted =
    vendor === 'google'
      ? 'x-goog-api-key'
      : vendor === 'anthropic' && (version ?? '') < BEARER_VERSION
        ? 'x-api-key'
        : 'authorization'
  if (vendor === 'anthropic' && version === undefined) add('header', 'anthropic-version is missing')
  if (!sent.includes(wanted)) add('auth', `${wanted} is missing for ${vendor}`)
  for (const name of sent) if (name !== wanted) add('auth', `${name} beside ${wanted}`)
  if (new Set(sent).size !== sent.length) add('auth', 'a credential header is sent twice')
  const value = headers.find(([name]) => name === wanted)?.[1] ?? ''
  if (wanted === 'authorization' && value !== '' && !/^Bearer \S+$/.test(value)) add('auth', 'not a bearer token')
  if (headers.some(([, text]) => /\bur_[0-9A-Za-z]/.test(text))) add('auth', "the client's UniRoute key was forwarded")
  if (query.has('key')) add('query', 'the key stands in the URL')
  return violations
}

/** The key that a request carries, wherever it stands. */
export function readCredential(headers: HeaderList, query: URLSearchParams): string {
  const get = (name: string): string | undefined => headers.find(([candidate]) => candidate === name)?.[1]
  const bearer = get('authorization')?.replace(/^Bearer\s+/i, '')
  return bearer ?? get('x-api-key') ?? get('x-goog-api-key') ?? query.get('key') ?? ''
}
