// What a person may paste as a key and as its endpoint. Every refusal is one sentence that says what to do and repeats
// nothing of what was pasted.
import { GatewayError } from '../../kernel/errors.ts'
import { Secret } from '../../kernel/secret.ts'

const KEY = /^[\x21-\x7e]{1,4096}$/
// Keys that administer an account at a provider: far more than routing needs.
const ADMIN_PREFIXES = ['sk-admin-', 'sk-ant-admin']

/** The key without the spaces around it. */
export function readPastedKey(text: string): Secret {
  const key = text.trim()
  if (key === '') throw refuse('api_key', 'Paste the key your provider gave you.')
  if (!KEY.test(key)) {
    throw refuse(
      'api_key',
      'This has spaces, line breaks or characters that no key has, or is longer than 4096. Copy the key again.',
    )
  }
  if (key.startsWith('ur_')) throw refuse('api_key', 'That is a UniRoute key. Paste one from a provider.')
  if (ADMIN_PREFIXES.some((prefix) => key.startsWith(prefix))) {
    throw refuse('api_key', "That is a provider's admin key. Paste an ordinary API key instead.")
  }
  return new Secret(key)
}

/** The last four characters, where enough others stay hidden. */
export function lastFour(key: string): string {
  return key.length < 16 ? '' : key.slice(-4)
}

/** The endpoint of a key of the provider `custom`, in one spelling. */
export function readBaseUrl(text: string): string {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null
  if (url === null || url.protocol !== 'https:' || url.hostname === '') {
    throw refuse('base_url', 'Give a URL that begins with https://, such as https://llm.example.com/v1.')
  }
  if (url.username || url.password) {
    throw refuse('base_url', 'Leave user name and password out of the URL; the key is sent in a header.')
  }
  if (url.hash || url.search || /[?#]/.test(text)) throw refuse('base_url', 'Leave out everything from ? or # on.')
  return url.origin + url.pathname.replace(/\/+$/, '')
}

export function refuse(path: string, message: string): GatewayError {
  return new GatewayError('validation_failed', { message: `${path}: ${message}`, details: [{ path, message }] })
}
