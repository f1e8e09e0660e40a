// The text of a UniRoute API key: `ur_`, 43 base-62 characters for 256 random bits, 6 for the CRC-32 of what precedes.
// The checksum lets scanners recognise a leaked key and lets us refuse a mistyped or forged one before any query.
// Only the SHA-256 of a key is kept: with 256 random bits a slow hash would protect nothing.
import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const KEY_PREFIX = 'ur_'
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BODY_LENGTH = 43
const CHECKSUM_LENGTH = 6
const KEY_LENGTH = KEY_PREFIX.length + BODY_LENGTH + CHECKSUM_LENGTH
const GRAMMAR = /^ur_[0-9A-Za-z]{49}$/

/** A fresh key. The result is shown to its owner once and kept nowhere. */
export function generateApiKey(): string {
  return composeApiKey(randomBytes(32))
}

/** The key that stands for these 32 bytes; exported for tests of the format. */
export function composeApiKey(bytes: Uint8Array): string {
  const body = encodeBase62(BigInt(`0x${Buffer.from(bytes).toString('hex')}`), BODY_LENGTH)
  return KEY_PREFIX + body + checksumOf(KEY_PREFIX + body)
}

/** Is the text a key by its form and checksum? Says nothing about whether it was ever issued. */
export function isWellFormedApiKey(text: string): boolean {
  if (text.length !== KEY_LENGTH || !GRAMMAR.test(text)) return false
  const split = KEY_LENGTH - CHECKSUM_LENGTH
  return checksumOf(text.slice(0, split)) === text.slice(split)
}

/** What is stored and looked up, in hex. */
export function digestApiKey(key: string): string {
  return hash('sha256', key, 'hex')
}

function checksumOf(text: string): string {
  let rest = crc32(text)
  let encoded = ''
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    encoded = ALPHABET[rest % 62]! + encoded
    rest = Math.floor(rest / 62)
  }
  return encoded
}

function encodeBase62(value: bigint, length: number): string {
  let rest = value
  let encoded = ''
  for (let i = 0; i < length; i++) {
    encoded = ALPHABET[Number(rest % 62n)]! + encoded
    rest /= 62n
  }
  return encoded
}
