// Which addresses a user's own base URL may reach: public ones only. The check sits in the connector and looks at the
// very address that is connected to, so a name that resolves differently a moment later gains nothing.
import { lookup as lookupAll, type LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'

export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

/** Everything that is refused, in one table. Of IPv6 only 2000::/3 is public, less what stands here. */
const NOT_PUBLIC: readonly (readonly [network: string, prefix: number, what: string])[] = [
  ['0.0.0.0', 8, 'this host'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'shared by carriers; metadata of Alibaba at 100.100.100.200'],
  ['127.0.0.0', 8, 'loopback'],
  ['168.63.129.16', 32, 'wire server of Azure, a public address that only its own machines reach'],
  ['169.254.0.0', 16, 'link-local; metadata of most clouds'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'protocol assignments; metadata of Oracle at 192.0.0.192'],
  ['192.0.2.0', 24, 'documentation'],
  ['192.88.99.0', 24, 'relays of 6to4'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'benchmarks'],
  ['198.51.100.0', 24, 'documentation'],
  ['203.0.113.0', 24, 'documentation'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved, and broadcast'],
  ['::', 3, 'unspecified, loopback, IPv4-mapped, and NAT64 at 64:ff9b::/96 and 64:ff9b:1::/48'],
  ['2001::', 23, 'protocol assignments: Teredo, ORCHID'],
  ['2001:db8::', 32, 'documentation'],
  ['2002::', 16, '6to4, which wraps an IPv4 address'],
  ['3fff::', 20, 'documentation'],
  ['4000::', 2, 'nobody’s'],
  ['8000::', 2, 'nobody’s'],
  ['c000::', 2, 'unique-local, link-local and multicast; metadata of AWS at fd00:ec2::254, of GCP at fd20:ce::254'],
]

// Apart, since a list of both takes every IPv4 address for its mapped form.
const refused = { ipv4: new BlockList(), ipv6: new BlockList() }
for (const [network, prefix] of NOT_PUBLIC) {
  const family = familyOf(network)
  if (family) refused[family].addSubnet(network, prefix, family)
}

function familyOf(address: string): 'ipv4' | 'ipv6' | null {
  const family = isIP(address)
  return family === 4 ? 'ipv4' : family === 6 ? 'ipv6' : null
}

/** May a user's base URL reach this IP address? */
export function isPublicAddress(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const family = familyOf(plain)
  return family !== null && !refused[family].check(plain, family)
}

/** Resolves a name and refuses it when any of its addresses is not public. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookupAll(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, '', 0)
    const bad = addresses.length === 0 || addresses.some(({ address }) => !isPublicAddress(address))
    if (bad) return callback(new AddressRefused('the name resolves to an address that is not public'), '', 0)
    if (options.all) return callback(null, addresses)
    const first = addresses[0]!
    callback(null, first.address, first.family)
  })
}

export function createGuardedConnect(options: object): buildConnector.connector {
  const connect = buildConnector({ ...options, allowH2: false, lookup: guardedLookup } as buildConnector.BuildOptions)
  return (options, callback) => {
    if (options.protocol !== 'https:') {
      return callback(new AddressRefused('only https is allowed'), null as never)
    }
    // A literal address is never looked up, so it is checked here.
    if (isIP(options.hostname.replace(/^\[|\]$/g, '')) !== 0 && !isPublicAddress(options.hostname)) {
      return callback(new AddressRefused('the address is not public'), null as never)
    }
    return connect(options, callback)
  }
}

/**
 * A user's base URL as it may be stored: https, no user info, no query, no fragment, no address that is plainly not
 * public. Names are judged when they are resolved. Returns the reason when it is refused.
 */
export function checkUserBaseUrl(text: string): { ok: true; url: URL } | { ok: false; why: string } {
  if (!URL.canParse(text)) return { ok: false, why: 'It is not a URL.' }
  const url = new URL(text)
  if (url.protocol !== 'https:') return { ok: false, why: 'It must begin with https://.' }
  if (url.username || url.password) return { ok: false, why: 'It must not contain a user name or password.' }
  if (url.hash || url.search) return { ok: false, why: 'It must not contain ? or #.' }
  const host = url.hostname
  if (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    (isIP(host.replace(/^\[|\]$/g, '')) && !isPublicAddress(host))
  ) {
    return { ok: false, why: 'It must be a public address.' }
  }
  return { ok: true, url }
}
