// The cookie that carries the refresh token. That it comes from our own pages is checked by the http room.
// Over https it has the `__Host-` name, which a browser binds to this host and to https; over plain http that name is
// impossible, so another one is used. Only the cookie of the scheme in use is read: a plain one never counts on https.
import type { RequestHeaders } from '../../http/route.ts'

const SECURE_NAME = '__Host-uniroute_refresh'
const PLAIN_NAME = 'uniroute_refresh'

export function writeRefreshCookie(value: string, secure: boolean, maxAgeSeconds: number): string {
  const name = secure ? SECURE_NAME : PLAIN_NAME
  const age = Math.max(0, Math.floor(maxAgeSeconds))
  return `${name}=${value}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`
}

export function clearRefreshCookie(secure: boolean): string {
  return writeRefreshCookie('', secure, 0)
}

export function readRefreshCookie(headers: RequestHeaders, secure: boolean): string | undefined {
  const name = secure ? SECURE_NAME : PLAIN_NAME
  const found = (headers['cookie'] ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  // Two of them means that someone else set one: neither is believed.
  return found.length === 1 && found[0] !== '' ? found[0] : undefined
}
