// The address of a provider as an operator writes it, with or without the API version, taken apart so that the provider
// can put its own version and path behind it. Paths are kept: many companies serve several APIs under one host.
import { WrongValue } from './wrong-value.ts'

export interface Endpoint {
  /** `https://api.example.test:8443`, without a slash at the end. */
  readonly origin: string
  /** What stands before the version: empty, or `/openai`. */
  readonly basePath: string
  /** `v1`; empty when the path is complete as it is; null when none was given and the provider's own applies. */
  readonly versionSegment: string | null
}

const VERSION = /^v\d[0-9a-z.]*$/i

export function parseEndpoint(text: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new WrongValue('this is not a URL that begins with http:// or https://')
  }
  if (url.username || url.password) {
    throw new WrongValue('the URL holds a user name or password; keys have settings of their own')
  }
  if (url.search || url.hash) throw new WrongValue('the URL has a part after "?" or "#"; end it with the path')
  const segments = url.pathname.split('/').filter((segment) => segment !== '')
  const last = segments.at(-1)
  if (last !== undefined && VERSION.test(last)) {
    return { origin: url.origin, basePath: joinPath(segments.slice(0, -1)), versionSegment: last }
  }
  const complete = segments.some((segment) => VERSION.test(segment))
  return { origin: url.origin, basePath: joinPath(segments), versionSegment: complete ? '' : null }
}

function joinPath(segments: readonly string[]): string {
  return segments.map((segment) => `/${segment}`).join('')
}
