// The mail server that SMTP_URL names: where it is, how the way there is protected, who signs in, and whose name stands
// under the mails.
// Invariant: the password leaves here as a Secret, and no complaint repeats any part of the URL.
import { Secret } from '../kernel/secret.ts'
import { WrongValue } from './wrong-value.ts'

export interface SmtpServer {
  readonly host: string
  readonly port: number
  /**
   * `tls` from the first byte (smtps) · `starttls`: must be offered, else nothing is sent · `if-offered`: for this very
   * machine · `none`: the operator said so.
   */
  readonly protection: 'tls' | 'starttls' | 'if-offered' | 'none'
  readonly login: { readonly user: string; readonly password: Secret } | null
  /** The sender's address. */
  readonly from: string
}

const ADDRESS = /^[^\s@<>,;"\\]+@[^\s@<>,;"\\]+$/
const HOST = /^(?:[0-9a-z](?:[0-9a-z._-]{0,251}[0-9a-z])?|\[[0-9a-f:.]{2,45}\])$/i
const THIS_MACHINE = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/i
const DEFAULT_PORT = { 'smtp:': 587, 'smtps:': 465 } as const

/** Throws WrongValue. */
export function parseSmtpUrl(text: string): SmtpServer {
  const url = URL.canParse(text) ? new URL(text) : null
  const scheme = url?.protocol
  if (url === null || (scheme !== 'smtp:' && scheme !== 'smtps:')) {
    throw new WrongValue('this is not a URL that begins with smtp:// or smtps://')
  }
  if (!HOST.test(url.hostname)) throw new WrongValue('the URL names no host')
  if (url.port === '0') throw new WrongValue('0 is no port of a mail server')
  if (!/^\/?$/.test(url.pathname) || url.hash !== '') {
    throw new WrongValue('behind the host and the port only ?from=… and ?tls=off may follow')
  }
  const user = decode(url.username)
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? DEFAULT_PORT[scheme] : Number(url.port),
    protection: readProtection(url, scheme),
    login: user === '' ? null : { user, password: new Secret(decode(url.password)) },
    from: readSender(url, user),
  }
}

function readProtection(url: URL, scheme: 'smtp:' | 'smtps:'): SmtpServer['protection'] {
  const unknown = [...url.searchParams.keys()].some((name) => name !== 'from' && name !== 'tls')
  if (unknown) throw new WrongValue('the URL has a parameter other than from and tls')
  const asked = url.searchParams.get('tls')
  if (asked !== null && asked !== 'off') throw new WrongValue('tls takes only the word off')
  if (scheme === 'smtps:') {
    if (asked !== null) throw new WrongValue('tls=off contradicts smtps://; write smtp://')
    return 'tls'
  }
  if (asked !== null) return 'none'
  return THIS_MACHINE.test(url.hostname) ? 'if-offered' : 'starttls'
}

function readSender(url: URL, user: string): string {
  const from = url.searchParams.get('from') ?? user
  if (!ADDRESS.test(from) || from.length > 254) {
    throw new WrongValue('it names no sender: where the user is no e-mail address, add ?from=uniroute@example.com')
  }
  return from
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw new WrongValue('a percent sign in the user or the password has to be written %25')
  }
}
