// Whose X-Forwarded-* is believed: the addresses of TRUST_PROXY, and nobody else's.
import { BlockList, isIP } from 'node:net'
import { WrongValue } from './wrong-value.ts'

/** A test for one peer address. IPv4 addresses written as IPv6 (`::ffff:10.0.0.1`) match IPv4 ranges. */
export function createTrustedProxies(ranges: readonly string[]): (ip: string) => boolean {
  if (ranges.length === 0) return () => false
  const list = new BlockList()
  for (const range of ranges) addRange(list, range)
  return (ip) => {
    const bare = ip.replace(/%.*$/, '')
    const version = isIP(bare)
    return version !== 0 && list.check(bare, version === 4 ? 'ipv4' : 'ipv6')
  }
}

function addRange(list: BlockList, range: string): void {
  const [address = '', prefix, ...rest] = range.split('/')
  const version = isIP(address)
  const most = version === 4 ? 32 : 128
  const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN
  if (version === 0 || rest.length > 0 || address.includes('%') || !(bits <= most)) {
    throw new WrongValue(`${JSON.stringify(range)} is neither an IP address nor a range such as 10.0.0.0/8`)
  }
  list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6')
}
