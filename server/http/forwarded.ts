// Who is on the other end, seen through proxies. `X-Forwarded-*` is believed only where the peer itself is inside
// TRUST_PROXY; the address is the first one from the right that is not a trusted proxy, since everything left of it was
// written by somebody we do not know.
import { BlockList, isIP } from 'node:net'
import type { RequestHeaders } from './route.ts'

export interface Peer {
  readonly ip: string
  readonly secure: boolean
  /** The request came from this machine itself and no proxy had a hand in it. */
  readonly local: boolean
  /** The path that the proxy puts before ours, without a slash at its end; '' without one. */
  readonly prefix: string
}

export interface PeerReader {
  readPeer(remoteAddress: string | undefined, encrypted: boolean, headers: RequestHeaders): Peer
  isTrusted(address: string): boolean
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

export function isLoopback(address: string): boolean {
  if (address === '127.0.0.1' || address === '::1') return true
  const version = isIP(address)
  return version !== 0 && LOOPBACK.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

/** `isTrusted`: is this address one of TRUST_PROXY? */
export function createPeerReader(isTrusted: (address: string) => boolean): PeerReader {
  return {
    isTrusted,
    readPeer(remoteAddress, encrypted, headers) {
      const peer = normaliseAddress(remoteAddress ?? '')
      const viaProxy =
        headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined || headers['via'] !== undefined
      if (!isTrusted(peer)) return { ip: peer, secure: encrypted, local: isLoopback(peer) && !viaProxy, prefix: '' }
      const hops = (headers['x-forwarded-for'] ?? '').split(',').map((hop) => normaliseAddress(hop.trim()))
      const scheme = headers['x-forwarded-proto']?.split(',').at(-1)?.trim().toLowerCase()
      let ip = peer
      for (const hop of hops.reverse()) {
        if (isIP(hop) === 0) break
        ip = hop
        if (!isTrusted(hop)) break
      }
      return {
        ip,
        secure: scheme === undefined ? encrypted : scheme === 'https',
        local: isLoopback(ip) && !viaProxy,
        prefix: readPrefix(headers['x-forwarded-prefix']),
      }
    },
  }
}

/** What is no plain path counts as none. */
function readPrefix(header: string | undefined): string {
  const shown = header?.split(',').at(-1)?.trim() ?? ''
  // Not by a pattern, which would begin anew at each of many slashes.
  let end = shown.length
  while (shown[end - 1] === '/') end--
  const prefix = shown.slice(0, end)
  return /^(?:\/[A-Za-z0-9._~-]+)+$/.test(prefix) && !/\/\.{1,2}(?:\/|$)/.test(prefix) ? prefix : ''
}

/** IPv4 in IPv6 clothes becomes IPv4; brackets, ports and zones go. */
export function normaliseAddress(text: string): string {
  // Plain IPv4 as it is.
  if (!text.includes(':') && !text.includes('[') && !text.includes('%')) return text
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)
  let address = bracketed?.[1] ?? text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
  address = address.replace(/%.*$/, '')
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
}
