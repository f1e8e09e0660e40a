// Identifiers. Stored ids are bare: lower-case UUIDs for users, ULIDs for everything else. `pk_`, `req_`, `ak_` and the
// like are put on, and taken off, at the HTTP edge only.
import { randomBytes, randomUUID } from 'node:crypto'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export type IdPrefix = 'pk' | 'req' | 'ak' | 'sess' | 'inv' | 'aud' | 'team' | 'lease' | 'note'

/** The two digits of every ten bits. */
const PAIRS = Array.from({ length: 1024 }, (_, bits) => CROCKFORD[bits >>> 5]! + CROCKFORD[bits & 31]!)

let pool = randomBytes(4096)
let poolOffset = 0
let lastNow = -1
let lastTime = ''

/** A ULID: 48 bits of wall milliseconds and 80 random bits, 26 characters of Crockford base 32. */
export function createUlid(now: number = Date.now()): string {
  if (poolOffset + 10 > pool.length) {
    pool = randomBytes(4096)
    poolOffset = 0
  }
  if (now !== lastNow) {
    lastTime = writeTime(now)
    lastNow = now
  }
  return lastTime + drawRandom() + drawRandom()
}

function writeTime(now: number): string {
  let time = ''
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = CROCKFORD[rest % 32] + time
  return time
}

/** Eight digits of five random bytes. */
function drawRandom(): string {
  const high = pool[poolOffset]!
  const low = pool.readUInt32BE(poolOffset + 1)
  poolOffset += 5
  return (
    PAIRS[(high << 2) | (low >>> 30)]! + PAIRS[(low >>> 20) & 1023]! + PAIRS[(low >>> 10) & 1023]! + PAIRS[low & 1023]!
  )
}

/** The same 128 bits in hexadecimal, 32 digits. */
export function ulidToHex(id: string): string {
  let bits = 0n
  for (const digit of id) bits = bits * 32n + BigInt(CROCKFORD.indexOf(digit))
  return bits.toString(16).padStart(32, '0')
}

export function createUuid(): string {
  return randomUUID()
}

export function isUlid(text: string): boolean {
  return ULID.test(text)
}

/** The public form of a stored id, for example `pk_01J8…`. */
export function toPublicId(prefix: IdPrefix, id: string): string {
  return `${prefix}_${id}`
}

/**
 * The stored id in a public one; undefined when the text is not of that form. Rows taken over from the seed keep UUIDs.
 */
export function parsePublicId(prefix: IdPrefix, text: string): string | undefined {
  if (!text.startsWith(`${prefix}_`)) return undefined
  const id = text.slice(prefix.length + 1)
  return ULID.test(id) || UUID.test(id) ? id : undefined
}

export function isUuid(text: string): boolean {
  return UUID.test(text)
}
