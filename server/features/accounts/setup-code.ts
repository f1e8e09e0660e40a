// The code of the set-up link: when it was made, and a seal by the secret that all instances share. Nothing about it is
// stored, so the instance or worker that a browser reaches knows the link that another one printed.
// Invariants: it counts for an hour; that it counts once is up to whoever asks, who refuses all once there is an
// administrator.
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'

export interface SetupCodes {
  issue(): string
  isGood(code: string): boolean
}

const LIFETIME_MS = 3_600_000
const TIME_BYTES = 6
const HEAD_BYTES = 16
const SEAL_BYTES = 32

export function createSetupCodes(key: Uint8Array, clock: Clock): SetupCodes {
  const ownKey = Buffer.from(hkdfSync('sha256', key, '', 'uniroute set-up code', 32))

  function sealOf(head: Buffer): Buffer {
    return createHmac('sha256', ownKey).update(head).digest()
  }

  return {
    issue() {
      const head = randomBytes(HEAD_BYTES)
      head.writeUIntBE(clock.now(), 0, TIME_BYTES)
      return Buffer.concat([head, sealOf(head)]).toString('base64url')
    },
    isGood(code) {
      const bytes = Buffer.from(code, 'base64url')
      // What Node passes over while it decodes is no part of a code.
      if (bytes.length !== HEAD_BYTES + SEAL_BYTES || bytes.toString('base64url') !== code) return false
      const head = bytes.subarray(0, HEAD_BYTES)
      if (!timingSafeEqual(bytes.subarray(HEAD_BYTES), sealOf(head))) return false
      return clock.now() - head.readUIntBE(0, TIME_BYTES) < LIFETIME_MS
    },
  }
}
