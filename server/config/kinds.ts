// The kinds of value a setting may have: how the text of the environment is read, and what to say when it does not fit.
// Invariant: a WrongValue never repeats what could be a secret. Values of secrets and of URLs (which may hold a
// password) are described, not quoted.
import { isIP } from 'node:net'
import { Secret } from '../kernel/secret.ts'
import { type Endpoint, parseEndpoint } from './endpoint.ts'
import { parseSmtpUrl, type SmtpServer } from './smtp.ts'
import { WrongValue } from './wrong-value.ts'

export interface Kind<Value> {
  /** For the reader of the documentation, such as `whole number, 0 to 65535`. */
  readonly name: string
  readonly parse: (text: string) => Value
}

const quote = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)

export function wholeNumber(least: number, most: number): Kind<number> {
  const name = `whole number, ${least} to ${most}`
  return {
    name,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
      if (!(value >= least && value <= most)) throw new WrongValue(`${quote(text)} is not a ${name}`)
      return value
    },
  }
}

export function oneOf<const Choice extends string>(...choices: Choice[]): Kind<Choice> {
  const name = choices.map((choice) => `\`${choice}\``).join(', ')
  return {
    name,
    parse(text) {
      const found = choices.find((choice) => choice === text)
      if (found === undefined) throw new WrongValue(`${quote(text)} is none of ${choices.join(', ')}`)
      return found
    },
  }
}

export const onOff: Kind<boolean> = {
  name: '`on` or `off`',
  parse(text) {
    if (text === 'on' || text === 'true' || text === '1') return true
    if (text === 'off' || text === 'false' || text === '0') return false
    throw new WrongValue(`${quote(text)} is neither on nor off`)
  },
}

/** Any of the words, separated by commas; `never` alone is none of them. */
export function someOf<const Choice extends string>(choices: readonly Choice[]): Kind<readonly Choice[]> {
  return {
    name: `list of ${choices.map((choice) => `\`${choice}\``).join(', ')}, or \`never\``,
    parse(text) {
      const words = splitList(text)
      if (words.length === 1 && words[0] === 'never') return []
      for (const word of words) {
        if (!choices.some((choice) => choice === word)) {
          throw new WrongValue(`${quote(word)} is none of ${choices.join(', ')}; \`never\` stands alone`)
        }
      }
      return choices.filter((choice) => words.includes(choice))
    },
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST_DURATION = 3650 * 86_400_000

/** Milliseconds, from a number with a unit. */
export const duration: Kind<number> = {
  name: 'duration with a unit: `90s`, `15m`, `24h`, `7d`',
  parse(text) {
    const match = /^(\d{1,9})([smhd])$/.exec(text)
    if (match === null) throw new WrongValue(`${quote(text)} is not a number followed by s, m, h or d`)
    const value = Number(match[1]) * UNITS[match[2]!]!
    if (value > LONGEST_DURATION) throw new WrongValue(`${quote(text)} is longer than 3650d`)
    return value
  },
}

export const idleTime: Kind<number> = {
  name: 'duration with a unit, `20m` to `30d`',
  parse(text) {
    const value = duration.parse(text)
    if (value < 20 * UNITS['m']! || value > 30 * UNITS['d']!) {
      throw new WrongValue(`${quote(text)} is not between 20m and 30d`)
    }
    return value
  },
}

const MOST_USD = 1_000_000

/** An amount of US dollars as whole nano-dollars, read digit by digit so that nothing is rounded. */
export const usdAmount: Kind<number> = {
  name: 'amount in US dollars',
  parse(text) {
    const match = /^(\d{1,7})(?:\.(\d{1,9}))?$/.exec(text)
    const value = match === null ? NaN : Number(match[1]) * 1e9 + Number((match[2] ?? '').padEnd(9, '0'))
    if (!(value <= MOST_USD * 1e9)) {
      throw new WrongValue(`${quote(text)} is not an amount from 0 to ${MOST_USD} with a point and at most 9 decimals`)
    }
    return value
  },
}

/** `off`, or for how many days. */
export const offOrDays: Kind<number | null> = {
  name: '`off` or a number of days, 1 to 3650',
  parse(text) {
    return text === 'off' ? null : wholeNumber(1, 3650).parse(text)
  },
}

export const anyText: Kind<string> = { name: 'text', parse: (text) => text }

export const folder: Kind<string> = { name: 'folder', parse: (text) => text }

export const file: Kind<string> = { name: 'file', parse: (text) => text }

export const hostName: Kind<string> = {
  name: 'IP address or host name',
  parse(text) {
    const bare = text.replace(/^\[(.*)\]$/, '$1')
    if (isIP(bare) === 0 && !/^[0-9a-z](?:[0-9a-z.-]{0,251}[0-9a-z])?$/i.test(bare)) {
      throw new WrongValue(`${quote(text)} is not an address or a host name; the port goes into PORT`)
    }
    return bare
  },
}

export const emailAddress: Kind<string> = {
  name: 'e-mail address',
  parse(text) {
    if (!/^[^\s@]+@[^\s@]+$/.test(text) || text.length > 254) throw new WrongValue('this is not an e-mail address')
    return text
  },
}

export const addressRanges: Kind<readonly string[]> = {
  name: 'list of addresses and CIDR ranges',
  parse: splitList,
}

function parseUrl(text: string, protocols: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  const wanted = protocols.map((protocol) => `${protocol}//`).join(' or ')
  if (url === null || !protocols.includes(url.protocol))
    throw new WrongValue(`this is not a URL that begins with ${wanted}`)
  if (url.hostname === '') throw new WrongValue('the URL names no host')
  return url
}

/** Where browsers and clients reach this server; without a slash at the end. */
export const publicUrl: Kind<string> = {
  name: 'http or https URL',
  parse(text) {
    const url = parseUrl(text, ['http:', 'https:'])
    if (url.username || url.password || url.search || url.hash) {
      throw new WrongValue('the URL may hold a scheme, a host, a port and a path, and nothing else')
    }
    return url.origin + url.pathname.replace(/\/+$/, '')
  },
}

/** Scheme, host and port of each, as a URL's `origin` writes them. */
export const origins: Kind<readonly string[]> = {
  name: 'list of http or https URLs without a path',
  parse: (text) =>
    splitList(text).map((word) => {
      const url = parseUrl(word, ['http:', 'https:'])
      if (url.username || url.password || url.search || url.hash || url.pathname !== '/') {
        throw new WrongValue('each URL may hold a scheme, a host and a port, and nothing else')
      }
      return url.origin
    }),
}

export const httpUrl: Kind<string> = {
  name: 'http or https URL',
  parse: (text) => parseUrl(text, ['http:', 'https:']).href,
}

export const endpoint: Kind<Endpoint> = {
  name: 'http or https URL, with or without a version segment such as `/v1`',
  parse: parseEndpoint,
}

/** A URL that may hold a password, so all of it is a secret. */
export function secretUrl(...protocols: string[]): Kind<Secret> {
  return {
    name: `URL: ${protocols.map((protocol) => `\`${protocol}//…\``).join(', ')}`,
    parse(text) {
      parseUrl(text, protocols)
      return new Secret(text)
    },
  }
}

export const smtpUrl: Kind<SmtpServer> = {
  name: 'URL: `smtp://…`, `smtps://…`, with the sender as its user or as `?from=…`',
  parse: parseSmtpUrl,
}

export const secretText: Kind<Secret> = { name: 'text', parse: (text) => new Secret(text) }

/** A token that travels in a header, so it must be printable and without spaces. */
export const headerToken: Kind<Secret> = {
  name: 'token',
  parse(text) {
    const bare = text.trim()
    if (!/^[\x21-\x7e]{1,4096}$/.test(bare)) {
      throw new WrongValue('the value has spaces or characters that no key or token has; copy it again')
    }
    return new Secret(bare)
  },
}

/** As OpenTelemetry writes headers in a variable: `name=value`, separated by commas, values percent-encoded. */
export const headerPairs: Kind<readonly (readonly [name: string, value: Secret])[]> = {
  name: 'list of `name=value`',
  parse: (text) =>
    splitList(text).map((pair) => {
      const [, name, encoded] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(.*)$/.exec(pair) ?? []
      const isEncoded = encoded !== undefined && !/%(?![2-7][0-9A-Fa-f])/.test(encoded)
      const value = isEncoded ? decodeURIComponent(encoded) : ''
      if (name === undefined || !/^[\x20-\x7e]+$/.test(value)) {
        throw new WrongValue('this is not a list of name=value with percent-encoded values')
      }
      return [name.toLowerCase(), new Secret(value)] as const
    }),
}

/** As the provider writes its own name: compared to the letter. */
export const issuer: Kind<string> = {
  name: 'https URL; http on this machine only',
  parse(text) {
    const url = parseUrl(text, ['http:', 'https:'])
    if (url.username || url.password || url.search || url.hash) {
      throw new WrongValue('the URL may hold a scheme, a host, a port and a path, and nothing else')
    }
    if (url.protocol === 'http:' && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)) {
      throw new WrongValue('the URL begins with http://; over that anybody on the way could sign in as anybody')
    }
    return text
  },
}

export const list: Kind<readonly string[]> = { name: 'list of names', parse: splitList }

/** In lower case, apart at commas. */
export const words: Kind<readonly string[]> = {
  name: 'list of words',
  parse: (text) => splitList(text).map((word) => word.toLowerCase()),
}

export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
