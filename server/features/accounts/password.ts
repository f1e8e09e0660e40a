// Passwords at rest (argon2id in the PHC text form). Which are accepted: password-rules.ts.
// Invariants: hashing never blocks the serving thread; at most four run at once, and the fifth is told to come back,
// because each takes 19 MiB and a thread; checking a password of an unknown account costs the same work.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../../kernel/errors.ts'

interface Cost {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
}

const COST: Cost = { memory: 19 * 1024, passes: 2, parallelism: 1 }
const SALT_BYTES = 16
const TAG_BYTES = 32
const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

export interface Passwords {
  hash(password: string): Promise<string>
  /** `stored` is null for an account without password and for no account: the answer is false after the same work. */
  verify(password: string, stored: string | null): Promise<boolean>
}

export function createPasswords(options: { maxConcurrent?: number } = {}): Passwords {
  const { maxConcurrent = 4 } = options
  const dummy = { cost: COST, salt: randomBytes(SALT_BYTES), tag: randomBytes(TAG_BYTES) }
  let running = 0

  async function derive(password: string, salt: Uint8Array, tagLength: number, cost: Cost): Promise<Buffer> {
    if (running >= maxConcurrent) {
      throw new GatewayError('gateway_overloaded', {
        message: 'Too many people are signing in at this moment. Try again.',
        retryAfter: 1,
      })
    }
    running++
    try {
      // One visible text may be typed as different code points; NFC makes them one password.
      const message = Buffer.from(password.normalize('NFC'), 'utf8')
      return await new Promise<Buffer>((resolve, reject) => {
        argon2('argon2id', { message, nonce: salt, tagLength, ...cost }, (error, tag) =>
          error ? reject(error) : resolve(tag),
        )
      })
    } finally {
      running--
    }
  }

  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES)
      return formatPhc(COST, salt, await derive(password, salt, TAG_BYTES, COST))
    },
    async verify(password, stored) {
      const known = stored === null ? undefined : parsePhc(stored)
      const { cost, salt, tag } = known ?? dummy
      const derived = await derive(password, salt, tag.length, cost)
      return timingSafeEqual(derived, tag) && known !== undefined
    },
  }
}

/** Can a password be checked against this hash, which another program made? */
export function isVerifiableHash(stored: string): boolean {
  return parsePhc(stored) !== undefined
}

function formatPhc(cost: Cost, salt: Buffer, tag: Buffer): string {
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${text(salt)}$${text(tag)}`
}

function parsePhc(stored: string): { cost: Cost; salt: Buffer; tag: Buffer } | undefined {
  const match = PHC.exec(stored)
  if (!match) return undefined
  const cost = { memory: Number(match[1]), passes: Number(match[2]), parallelism: Number(match[3]) }
  // A damaged row must not ask for gigabytes.
  if (cost.memory > 256 * 1024 || cost.memory < 8 * cost.parallelism || cost.passes < 1 || cost.parallelism < 1) {
    return undefined
  }
  return { cost, salt: Buffer.from(match[4]!, 'base64'), tag: Buffer.from(match[5]!, 'base64') }
}
