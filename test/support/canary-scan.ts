// Looks for secrets where none may be: any piece of eight characters, raw, base64 in its three alignments, hex,
// URL-encoded or JSON-escaped. Allowed are only the public head of a key and its last four characters, and a piece of
// eight cannot lie in either.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CANARY } from '../fake-provider/fake-keys.ts'

const PIECE = 8

export interface ScannedText {
  readonly name: string
  readonly text: string | Buffer
  /** Secrets that this one text shows on purpose, for example a new API key in the answer that creates it. */
  readonly shows?: readonly string[]
}

export interface ScanOptions {
  /** Files and directories, read whole. */
  readonly roots?: readonly string[]
  readonly texts?: readonly ScannedText[]
  readonly secrets: readonly string[]
  /** Files that hold a secret on purpose, by the end of their path. */
  readonly exceptFiles?: readonly string[]
}

export interface Leak {
  readonly where: string
  readonly how: string
  /** The last four characters of the secret, which are public. */
  readonly secret: string
  readonly offset: number
}

interface Pattern {
  readonly bytes: Buffer
  readonly how: string
  readonly secret: string
}

export function scanForSecrets(options: ScanOptions): Leak[] {
  const find = compilePatterns(options.secrets)
  const leaks: Leak[] = []
  const scan = (where: string, text: string | Buffer, shows: readonly string[] = []): void => {
    const found = find(typeof text === 'string' ? Buffer.from(text) : text)
    // One line per secret and place is enough to act on.
    const seen = new Set<string>()
    for (const { pattern, offset } of found) {
      if (shows.includes(pattern.secret) || seen.has(pattern.secret + pattern.how)) continue
      seen.add(pattern.secret + pattern.how)
      leaks.push({ where, how: pattern.how, secret: `…${pattern.secret.slice(-4)}`, offset })
    }
  }
  for (const root of options.roots ?? []) {
    for (const file of listFiles(root)) {
      if (!options.exceptFiles?.some((end) => file.endsWith(end))) scan(file, readFileSync(file))
    }
  }
  for (const { name, text, shows } of options.texts ?? []) scan(name, text, shows)
  return leaks
}

function listFiles(root: string): string[] {
  if (!statSync(root).isDirectory()) return [root]
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** The part of a secret that nobody may see: without the public head of a key, a `ur_` key, a JWT. */
export function secretPart(secret: string): string {
  const canary = secret.indexOf(CANARY)
  if (canary !== -1) return secret.slice(canary)
  if (secret.startsWith('ur_')) return secret.slice(3)
  if (/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(secret)) return secret.slice(secret.lastIndexOf('.') + 1)
  // A session's cookie begins with the session's id, which is public.
  return /^[0-9A-HJKMNP-TV-Z]{26}\.(.+)$/.exec(secret)?.[1] ?? secret
}

type Find = (haystack: Buffer) => { pattern: Pattern; offset: number }[]

function compilePatterns(secrets: readonly string[]): Find {
  // Patterns by their first four bytes; a bitmap of 2^16 hashes skips nearly every position without a look-up.
  const byStart = new Map<number, Pattern[]>()
  const bitmap = new Uint8Array(1 << 16)
  for (const secret of new Set(secrets)) {
    for (const pattern of writePatterns(secret)) {
      const start = pattern.bytes.readUInt32LE(0)
      bitmap[hash(start)] = 1
      const list = byStart.get(start)
      if (list === undefined) byStart.set(start, [pattern])
      else list.push(pattern)
    }
  }
  return (haystack) => {
    const found: ReturnType<Find> = []
    for (let offset = 0; offset + PIECE <= haystack.length; offset++) {
      const start = haystack.readUInt32LE(offset)
      if (bitmap[hash(start)] === 0) continue
      for (const pattern of byStart.get(start) ?? []) {
        const end = offset + pattern.bytes.length
        if (end <= haystack.length && pattern.bytes.compare(haystack, offset, end) === 0)
          found.push({ pattern, offset })
      }
    }
    return found
  }
}

const hash = (value: number): number => (Math.imul(value, 0x9e3779b1) >>> 16) & 0xffff

function writePatterns(secret: string): Pattern[] {
  const characters = [...secretPart(secret)]
  const patterns = new Map<string, string>()
  for (let at = 0; at + PIECE <= characters.length; at++) {
    const piece = characters.slice(at, at + PIECE).join('')
    const bytes = Buffer.from(piece)
    const add = (how: string, text: string): void => {
      if (!patterns.has(text)) patterns.set(text, how)
    }
    add('raw', piece)
    add('json', JSON.stringify(piece).slice(1, -1))
    add('json', escapeUnicode(JSON.stringify(piece).slice(1, -1)))
    add('url', encodeURIComponent(piece))
    add('url', encodeURIComponent(piece).toLowerCase())
    add('hex', bytes.toString('hex'))
    add('hex', bytes.toString('hex').toUpperCase())
    for (const alignment of [0, 1, 2]) {
      // Only characters that follow from the piece alone, whatever stands before and after it.
      const padded = Buffer.concat([Buffer.alloc(alignment), bytes]).toString('base64')
      const from = alignment === 0 ? 0 : alignment + 1
      const stable = padded.slice(from, Math.floor(((alignment + bytes.length) * 8) / 6))
      add('base64', stable)
      add('base64url', stable.replaceAll('+', '-').replaceAll('/', '_'))
    }
  }
  return [...patterns].map(([text, how]) => ({ bytes: Buffer.from(text), how, secret }))
}

function escapeUnicode(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
