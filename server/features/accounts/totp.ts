// Codes of authenticator apps: RFC 6238 with its usual numbers (SHA-1, 30 seconds, 6 digits), which every app knows.
import { createHmac } from 'node:crypto'

const STEP_MS = 30_000
const DIGITS = 6
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export const TOTP_SECRET_BYTES = 20
/** A code of the step before or after is taken too: clocks differ. */
const NEAR = [0, -1, 1] as const

export function codeAt(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const digest = createHmac('sha1', secret).update(counter).digest()
  const offset = digest.at(-1)! & 0x0f
  const number = digest.readUInt32BE(offset) & 0x7fff_ffff
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0')
}

/** The step that a code belongs to; null where it is none of now. */
export function findStep(secret: Uint8Array, code: string, now: number): number | null {
  const current = Math.floor(now / STEP_MS)
  const near = NEAR.find((distance) => codeAt(secret, current + distance) === code)
  return near === undefined ? null : current + near
}

/** As people and apps write secrets. */
export function toBase32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((group) => ALPHABET[parseInt(group.padEnd(5, '0'), 2)]).join('')
}

/** What an app reads from a picture or a link. */
export function writeTotpUri(secret: Uint8Array, account: { issuer: string; email: string }): string {
  const label = `${encodeURIComponent(account.issuer)}:${encodeURIComponent(account.email)}`
  return `otpauth://totp/${label}?secret=${toBase32(secret)}&issuer=${encodeURIComponent(account.issuer)}`
}
