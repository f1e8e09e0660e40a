// Finds the values of certain keys in the bytes of an answer as they pass, wherever a read cuts them: reasoning state
// and what tells usage. Nothing else is decoded: one search per read while no such key is there.
import type { StreamFacts } from '../protocols/protocol.ts'
import { parseJson } from '../protocols/read.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN = 0x7b
const CLOSE = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
/** Longer values are no state of any vendor. */
const LONGEST_VALUE = 1024 * 1024

export interface StateTap {
  push(chunk: Buffer): void
}

/** `found` gets each text, unescaped. */
export function createStateTap(keys: readonly string[], found: (value: string) => void): StateTap {
  return createTap(keys, endOfText, (_key, raw) => {
    const text = unescape(raw.slice(1, -1))
    if (text !== null && text !== '') found(text)
  })
}

/**
 * `found` gets each object, list and text as it was written, with the key it stands under; what stands inside is passed
 * over.
 */
export function createMemberTap(keys: readonly string[], found: (key: string, text: string) => void): StateTap {
  const endOf: EndOf = (bytes, at) => (bytes[at] === QUOTE ? endOfText(bytes, at) : endOfNested(bytes, at))
  return createTap(keys, endOf, found)
}

/** Keeps in `found` the latest of the members that tell usage, each as it was written. */
export function createUsageTap(
  members: NonNullable<StreamFacts['usageMembers']>,
  found: Map<string, string>,
): StateTap {
  return createMemberTap(Object.keys(members), (key, text) => {
    if (members[key]!(parseJson(text))) found.set(key, text)
  })
}

/** `endOf`: where the value ends that begins at an offset. */
function createTap(keys: readonly string[], endOf: EndOf, found: (key: string, raw: string) => void): StateTap {
  const marks = keys.map((key) => Buffer.from(`"${key}"`))
  const longest = marks.reduce((most, mark) => Math.max(most, mark.length), 0)
  /** What has passed and may be the beginning of a key, or of its value. */
  let held: Buffer = Buffer.alloc(0)
  let inside: string | null = null

  return {
    push(chunk) {
      let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      for (;;) {
        if (inside === null) {
          const { end: at, mark } = endOfFirst(bytes, marks)
          if (at === -1) {
            held = Buffer.from(bytes.subarray(Math.max(0, bytes.length - longest + 1)))
            return
          }
          bytes = bytes.subarray(at)
          inside = keys[mark]!
        }
        const value = readValue(bytes, endOf)
        if (value === 'more' && bytes.length <= LONGEST_VALUE) {
          held = Buffer.from(bytes)
          return
        }
        const key = inside
        inside = null
        if (value === 'more' || value === 'none') continue
        found(key, bytes.toString('utf8', value.start, value.end))
        bytes = bytes.subarray(value.end)
      }
    },
  }
}

/** Offset behind the first of the marks, and which it is; -1 where none stands. */
function endOfFirst(bytes: Buffer, marks: readonly Buffer[]): { end: number; mark: number } {
  let start = -1
  let first = { end: -1, mark: -1 }
  for (const [mark, text] of marks.entries()) {
    const at = bytes.indexOf(text)
    if (at === -1 || (start !== -1 && at >= start)) continue
    start = at
    first = { end: at + text.length, mark }
  }
  return first
}

/** Offset behind the value that begins here. none: it is of another kind. more: the bytes end before it does. */
type EndOf = (bytes: Buffer, at: number) => number | 'none' | 'more'

/** The value behind a key and its colon. */
function readValue(bytes: Buffer, endOf: EndOf): { start: number; end: number } | 'none' | 'more' {
  let at = skipSpace(bytes, 0)
  if (at === bytes.length) return 'more'
  if (bytes[at] !== COLON) return 'none'
  at = skipSpace(bytes, at + 1)
  if (at === bytes.length) return 'more'
  const end = endOf(bytes, at)
  return typeof end === 'number' ? { start: at, end } : end
}

function endOfText(bytes: Buffer, at: number): number | 'none' | 'more' {
  if (bytes[at] !== QUOTE) return 'none'
  for (let from = at + 1; ;) {
    const quote = bytes.indexOf(QUOTE, from)
    if (quote === -1) return 'more'
    let escapes = 0
    while (bytes[quote - 1 - escapes] === BACKSLASH) escapes++
    if (escapes % 2 === 0) return quote + 1
    from = quote + 1
  }
}

function endOfNested(bytes: Buffer, start: number): number | 'none' | 'more' {
  if (bytes[start] !== OPEN && bytes[start] !== OPEN_LIST) return 'none'
  let depth = 0
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      const end = endOfText(bytes, at)
      if (typeof end !== 'number') return 'more'
      at = end - 1
    } else if (byte === OPEN || byte === OPEN_LIST) depth++
    else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return at + 1
  }
  return 'more'
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return at
}

function unescape(raw: string): string | null {
  if (!raw.includes('\\')) return raw
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
