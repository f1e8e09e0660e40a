// Made-up provider keys. What a key says decides how the fake provider treats whoever sends it, so a test chooses a
// scenario by the key it stores. Every key and password made here carries a canary and is remembered, so that the
// scanner can look for any piece of it afterwards.
import { randomBytes } from 'node:crypto'

export type Vendor = 'openai' | 'anthropic' | 'google' | 'compat'

export const CANARY = 'CANARY'

const PUBLIC_PREFIX: Record<Vendor, string> = {
  openai: 'sk-proj-',
  anthropic: 'sk-ant-api03-',
  google: 'AIza',
  compat: 'gsk_',
}

const ADMIN_PREFIX = { openai: 'sk-admin-', anthropic: 'sk-ant-admin01-' } as const

const made = new Set<string>()

/** Everything secret that this process made up or was told about. */
export function listFakeSecrets(): string[] {
  return [...made]
}

/** A secret that came from elsewhere, for example a `ur_` key that the product issued. */
export function rememberSecret<Text extends string>(secret: Text): Text {
  made.add(secret)
  return secret
}

/**
 * A provider key of the vendor's own look. `scenario` is one of README.md's words (or any harmless tag); it stands in
 * the public head of the key, before the canary.
 */
export function createFakeKey(vendor: Vendor, scenario = 'ok'): string {
  return rememberSecret(`${PUBLIC_PREFIX[vendor]}${scenario}-${CANARY}${randomText(34)}`)
}

/** A key that administers an account at the vendor; `noscope` in its scenario may not read usage. */
export function createFakeAdminKey(vendor: 'openai' | 'anthropic', scenario = 'ok'): string {
  return rememberSecret(`${ADMIN_PREFIX[vendor]}${scenario}-${CANARY}${randomText(34)}`)
}

/** A password whose characters differ in JSON, URLs and plain text, so that an escaped leak is found as well. */
export function createFakePassword(): string {
  return rememberSecret(`${CANARY}${randomText(10)}/"+é ${randomText(10)}`)
}

/** The part of a key before the canary, where the scenario is written. */
export function readKeyHead(key: string): string {
  const at = key.indexOf(`-${CANARY}`)
  const head = at === -1 ? key : key.slice(0, at)
  const prefix = [...Object.values(PUBLIC_PREFIX), ...Object.values(ADMIN_PREFIX)].find((candidate) =>
    head.startsWith(candidate),
  )
  return prefix === undefined ? head : head.slice(prefix.length)
}

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

export function randomText(length: number): string {
  let text = ''
  for (const byte of randomBytes(length)) text += LETTERS[byte % LETTERS.length]
  return text
}
