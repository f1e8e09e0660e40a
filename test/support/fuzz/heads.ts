// Request heads, credentials and addresses, before and beside a real server: what is accepted keeps every rule of
// strictness, and what is written to the log holds no credential.
import { readCredential, scrubUrl } from '../../../server/http/credentials.ts'
import { checkRequestHead, MAX_HEADER_COUNT, MAX_URL_LENGTH } from '../../../server/http/strictness.ts'
import { readFallbackHeader, readKeyHeader } from '../../../server/gateway/plan.ts'
import { readBaseUrl, readPastedKey } from '../../../server/features/provider-keys/pasted-key.ts'
import { GatewayError } from '../../../server/kernel/errors.ts'
import { revealSecret } from '../../../server/kernel/secret.ts'
import { API_KEY } from './ciphertexts.ts'
import { type FuzzTarget, promise } from './target.ts'

const ONCE = ['authorization', 'x-api-key', 'x-goog-api-key', 'host', 'cookie', 'content-length', 'transfer-encoding']

/** `METHOD target HTTP/x.y` and header lines, as Node's parser would hand them on: in Latin-1, line by line. */
function checkHead(input: Buffer): void {
  const [start = '', ...lines] = input.toString('latin1').split(/\r?\n/)
  const [method, url, version = ''] = start.split(' ')
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const verdict = checkRequestHead({ method, url, httpVersion: version.replace('HTTP/', ''), rawHeaders })
  if ('refused' in verdict) {
    const { status } = verdict.refused
    promise(status >= 400 && status < 500, `a head is refused with ${status}`)
    return
  }
  const { path, query, headers } = verdict.accepted
  promise(path === '*' || path.startsWith('/'), 'a target that is no path passes')
  promise(!/\/\/|\/\.{1,2}(?:\/|$)|[^\x21-\x7e]/.test(path), 'an unclean path passes')
  promise(path.length + query.length <= MAX_URL_LENGTH, 'an address without end passes')
  promise(rawHeaders.length <= MAX_HEADER_COUNT * 2, 'fields without end pass')
  for (const name of ONCE) {
    const times = rawHeaders.filter((each, at) => at % 2 === 0 && each.toLowerCase() === name).length
    promise(times <= 1, `${name} passes ${times} times`)
  }
  const asked = new URLSearchParams(query)
  for (const kind of ['api-key', 'session', 'none'] as const) {
    const credential = readCredential(kind, headers, asked)
    if (credential === undefined) continue
    promise(credential.kind === kind, 'a credential is read as another kind')
    const shown = credential.kind === 'api-key' ? credential.key : credential.token
    promise(/^[\x21-\x7e]+$/.test(shown), 'a credential with odd bytes passes')
  }
  promise(Object.getPrototypeOf(headers) === null, 'headers have a prototype')
}

/** The input is what stands before and behind a key in an address. */
function checkScrubbing(input: Buffer): void {
  const around = input.toString('latin1')
  for (const url of [
    `/v1/x?key=${API_KEY}&${around}`,
    `/v1/${API_KEY}/${around}`,
    `/${around}/${API_KEY}`,
    `/x?${around}&api_key=${API_KEY}`,
  ]) {
    // A question mark or an equals sign in front makes another address of it, in which the key is no value of its own.
    if (/[?#=&]/.test(around) && !url.startsWith('/v1/')) continue
    const scrubbed = scrubUrl(url)
    promise(!scrubbed.includes(API_KEY.slice(3, 20)), 'the log would hold a key')
  }
  scrubUrl(around)
}

function checkValues(input: Buffer): void {
  const value = input.toString('latin1')
  const unlessRefused = <Result>(work: () => Result): Result | null => {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      promise(error.status === 400 || error.status === 422, `a wrong value is answered with ${error.status}`)
      return null
    }
  }
  unlessRefused(() => readFallbackHeader(value))
  unlessRefused(() => readKeyHeader(value))
  const base = unlessRefused(() => readBaseUrl(value))
  if (base !== null) {
    const { protocol, username, password, hash } = new URL(base)
    promise(protocol === 'https:' && username + password + hash === '', `${base} passes as a base URL`)
  }
  const key = unlessRefused(() => readPastedKey(value))
  if (key !== null) promise(/^[\x21-\x7e]+$/.test(revealSecret(key)), 'a key with odd characters passes')
}

export const HEAD_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'head',
    kind: 'bytes',
    words: [
      'Host: x\r\n',
      'Authorization: Bearer ',
      API_KEY,
      'x-api-key: ',
      '__proto__: 1\r\n',
      '/../',
      '%2e%2E',
      '//',
      '?key=',
      'http://x/',
      '\r\n',
      'HTTP/1.0',
      'transfer-encoding: chunked\r\n',
      'content-length: 5\r\n',
    ],
    check: checkHead,
  },
  { name: 'scrubbing', kind: 'bytes', words: ['%2f', '%3d', '?', '&', '=', 'key', '/', '%'], check: checkScrubbing },
  {
    name: 'values',
    kind: 'bytes',
    words: ['never', 'no_key', ',', 'pk_', 'https://', '@', '#', '[::1]', '0x7f.1', 'sk-', '\u2028'],
    check: checkValues,
  },
]
