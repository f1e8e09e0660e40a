// A provider's own words on their way to a client: a server behind it may name machines in them, whose addresses are
// nobody's business. What the client itself sent stays, since it tells which part of the request is meant.
import { isIP } from 'node:net'

export interface WordsContext {
  /** Hosts that never appear, however they are written. */
  readonly hosts: readonly string[]
  /** Did the client write this address itself? */
  isKnown(address: string): boolean
}

const STAND_IN = '[address]'

const URLS = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'`<>()[\]{}]*(?:\[[0-9a-f:.]+\][^\s"'`<>()[\]{}]*)?/gi
const BRACKETED = /\[[0-9a-f]*:[0-9a-f:.]*(?:%\w+)?\](?::\d+)?/gi
const IPV4 = /\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b/g
const IPV6 = /(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi
const WITH_PORT = /\b(?:(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*|localhost):\d{1,5}\b|\b[a-z][a-z0-9-]*:\d{4,5}\b/gi
const INTERNAL =
  /\blocalhost\b|\b(?:[a-z0-9_-]+\.)+(?:internal|local|lan|corp|home|intranet|localdomain|svc|test|invalid)\b/gi
/** Go's resolver names the host behind this word. */
const LOOKED_UP = /(?<=\blookup )[^\s:]+/g

/** The words with `[address]` in place of URLs, IP addresses, hosts with ports and internal names. */
export function withoutAddresses(words: string, { hosts, isKnown }: WordsContext): string {
  const own = hosts.map((host) => host.toLowerCase())
  const hide = (address: string): string => {
    const plain = address.replace(/[.,;:!?]+$/, '')
    const isOwn = own.some((host) => plain.toLowerCase().includes(host))
    return !isOwn && isKnown(plain) ? address : STAND_IN + address.slice(plain.length)
  }
  let text = words.replaceAll(URLS, hide).replaceAll(BRACKETED, hide)
  text = text.replaceAll(IPV6, (address) => (isIP(address.replace(/:$/, '')) === 6 ? hide(address) : address))
  for (const pattern of [IPV4, WITH_PORT, INTERNAL, LOOKED_UP]) text = text.replaceAll(pattern, hide)
  // A name of one word is a word like any other unless a port stands behind it.
  for (const host of own) if (host.includes('.')) text = text.replaceAll(hostPattern(host), STAND_IN)
  return text
}

function hostPattern(host: string): RegExp {
  return new RegExp(`(?<![\\w.-])${host.replaceAll(/[^\w-]/g, '\\$&')}(?:[:]\\d+)?(?![\\w-])`, 'gi')
}
