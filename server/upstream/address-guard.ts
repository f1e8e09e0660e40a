// Which addresses a user's own base URL may reach: public ones only. The check sits in the connector and looks at the
// very address that is connected to, so a name that resolves differently a moment later gains nothing.
import { lookup as lookupAll, type LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'

export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

const refused = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  refused.addSubnet(network, prefix, 'ipv4')

// Of IPv6 only global unicast (2000::/3) is public, less what is carved out of it or wraps an IPv4 address.
const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')
const refused6 = new BlockList()
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  refused6.addSubnet(network, prefix, 'ipv6')

/** May a user's base URL reach this IP address? */
export function isPublicAddress(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const family = isIP(plain)
  if (family === 4) return !refused.check(plain, 'ipv4')
  if (family === 6) return globalUnicast.check(plain, 'ipv6') && !refused6.check(plain, 'ipv6')
  return false
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
