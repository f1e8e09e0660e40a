// `fetch` for libraries that ask for one: our own pools underneath, no redirects, bounded in time and size. For
// addresses that the operator chose.
import { requestOnce } from './request-once.ts'
import type { Upstream } from './upstream.ts'

export type FetchThrough = (url: string, init: FetchInit) => Promise<Response>

interface FetchInit {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

const LIMITS = { timeoutMs: 10_000, maxBytes: 512 * 1024 }
const WITHOUT_BODY = new Set([204, 205, 304])

export function createFetchThrough(upstream: Upstream): FetchThrough {
  return async (url, { method, headers, body, signal }) => {
    const { origin, pathname, search } = new URL(url)
    const result = await requestOnce(
      upstream,
      {
        origin,
        guarded: false,
        method: method === 'POST' ? 'POST' : 'GET',
        path: pathname + search,
        headers: Object.entries(headers).flat(),
        body: body instanceof URLSearchParams || typeof body === 'string' ? [Buffer.from(body.toString())] : null,
      },
      signal ? { ...LIMITS, signal } : LIMITS,
    )
    if (result.kind === 'unreachable') throw new TypeError(`no answer: ${result.why}`)
    const sent = Object.entries(result.headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): [string, string] => [name, one]),
    )
    const bytes = WITHOUT_BODY.has(result.status) ? null : new Uint8Array(result.body)
    return new Response(bytes, { status: result.status, headers: sent })
  }
}
