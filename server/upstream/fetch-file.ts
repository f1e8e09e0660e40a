// A file that a client named by its address, fetched on its behalf and without any credential. Whatever the address,
// and wherever it is redirected to, the guard in the connector decides: public addresses and https only, but for
// origins that the operator named.
import { requestOnce } from './request-once.ts'
import type { Upstream } from './upstream.ts'

export interface FileLimits {
  /** For the whole fetch, redirects included. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Origins of the operator's own, which may be private or speak plain http. */
  readonly trustedOrigins: ReadonlySet<string>
  readonly signal?: AbortSignal
}

export type FetchedFile =
  | { readonly kind: 'file'; readonly bytes: Buffer; /** Its `content-type`, or ''. */ readonly type: string }
  /** `unreachable` says no more on purpose: whether a private name exists is nobody's to learn. */
  | { readonly kind: 'failed'; readonly why: 'address' | 'unreachable' | 'timeout' | 'too-large' | 'redirects' }
  | { readonly kind: 'failed'; readonly why: 'status'; readonly status: number }

const MOST_REDIRECTS = 3
const HEADERS = ['accept', '*/*', 'accept-encoding', 'identity', 'user-agent', 'UniRoute']

export async function fetchFile(upstream: Upstream, address: string, limits: FileLimits): Promise<FetchedFile> {
  const { maxBytes, trustedOrigins, signal } = limits
  const endsAt = performance.now() + limits.timeoutMs
  let url = readAddress(address, trustedOrigins)
  for (let redirects = 0; url !== null; redirects++) {
    const guarded = !trustedOrigins.has(url.origin)
    const path = url.pathname + url.search
    const timeoutMs = Math.max(endsAt - performance.now(), 1)
    const result = await requestOnce(
      upstream,
      { origin: url.origin, guarded, method: 'GET', path, headers: HEADERS, body: null },
      { timeoutMs, maxBytes, ...(signal ? { signal } : {}) },
    )
    if (result.kind === 'unreachable') {
      const { why } = result
      return { kind: 'failed', why: why === 'timeout' || why === 'too-large' ? why : 'unreachable' }
    }
    const { status, headers, body } = result
    if (status >= 200 && status < 300) {
      return { kind: 'file', bytes: body, type: String(headers['content-type'] ?? '') }
    }
    const location = status >= 300 && status < 400 ? headers['location'] : undefined
    if (typeof location !== 'string') return { kind: 'failed', why: 'status', status }
    if (redirects === MOST_REDIRECTS) return { kind: 'failed', why: 'redirects' }
    url = URL.canParse(location, url) ? readAddress(new URL(location, url).href, trustedOrigins) : null
  }
  return { kind: 'failed', why: 'address' }
}

function readAddress(text: string, trusted: ReadonlySet<string>): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || url.username || url.password) return null
  return url.protocol === 'https:' || trusted.has(url.origin) ? url : null
}
