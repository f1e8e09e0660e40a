// Requests that act by cookie alone must come from our own pages. Browsers say where a request comes from; programs
// that say nothing hold no cookie of somebody else's, so they pass. The Host header is never asked: PUBLIC_URL is the
// only truth about our own address, except that the names of the loopback address are one.
import { GatewayError } from '../kernel/errors.ts'
import type { RequestHeaders } from './route.ts'

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Throws 403 where a browser says that another site's page sent the request. */
export function checkOrigin(headers: RequestHeaders, publicUrl: string): void {
  const site = headers['sec-fetch-site']
  const origin = headers['origin']
  const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none'
  const foreignOrigin = origin !== undefined && !isOwnOrigin(origin, publicUrl)
  if (!foreignSite && !foreignOrigin) return
  throw new GatewayError('forbidden', {
    message:
      'This request comes from another site. Open UniRoute at its own address, or set PUBLIC_URL to that address.',
  })
}

function isOwnOrigin(origin: string, publicUrl: string): boolean {
  if (!URL.canParse(origin)) return false
  const theirs = new URL(origin)
  const ours = new URL(publicUrl)
  if (theirs.origin === ours.origin) return true
  const bothLoopback = LOOPBACK_NAMES.has(theirs.hostname) && LOOPBACK_NAMES.has(ours.hostname)
  return bothLoopback && theirs.port === ours.port && theirs.protocol === ours.protocol
}
