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
  return new Tap(keys, IS_TEXT, (_key, raw) => {
    const text = unescape(raw.slice(1, -1))
    if (text !== null && text !== '') found(text)
  })
}

/**
 * `found` gets each object, list and text as it was written, with the key it stands under; what stands inside is passed
 * over.
 */
export function createMemberTap(keys: readonly string[], found: (key: string, text: string) => void): StateTap {
  return new Tap(keys, IS_MEMBER, found)
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

const IS_TEXT: ReadonlySet<number> = new Set([QUOTE])
const IS_MEMBER: ReadonlySet<number> = new Set([QUOTE, OPEN, OPEN_LIST])

/** Each byte is looked at once per key, however many keys there are in the bytes and wherever reads cut them. */
class Tap implements StateTap {
  readonly #keys: readonly string[]
  readonly #marks: readonly Buffer[]
  readonly #longest: number
  readonly #begins: ReadonlySet<number>
  readonly #found: (key: string, raw: string) => void
  /** Where the next of each mark stands in the bytes at hand; behind their end where none does. */
  readonly #next: number[]
  /** What has passed and may be the beginning of a key. */
  #tail: Buffer = Buffer.alloc(0)
  #key = ''
  /** What is awaited: a key, its colon, the first byte of its value, the end of that. */
  #awaits: 'key' | 'colon' | 'value' | 'end' = 'key'
  #scan = new ValueScan()
  /** The value so far, with room to grow. */
  #held: Buffer = Buffer.alloc(0)
  #heldLength = 0

  /** `begins`: the bytes that a value may begin with. */
  constructor(keys: readonly string[], begins: ReadonlySet<number>, found: (key: string, raw: string) => void) {
    this.#keys = keys
    this.#marks = keys.map((key) => Buffer.from(`"${key}"`))
    this.#longest = this.#marks.reduce((most, mark) => Math.max(most, mark.length), 0)
    this.#begins = begins
    this.#found = found
    this.#next = this.#marks.map(() => -1)
  }

  push(chunk: Buffer): void {
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    this.#tail = Buffer.alloc(0)
    this.#next.fill(-1)
    for (let at = 0; at < bytes.length;) {
      if (this.#awaits === 'key') at = this.#seek(bytes, at)
      else if (this.#awaits === 'end') at = this.#read(bytes, at)
      else at = this.#enter(bytes, skipSpace(bytes, at))
    }
  }

  /** Goes to behind the next key. */
  #seek(bytes: Buffer, from: number): number {
    let first = -1
    for (const [mark, text] of this.#marks.entries()) {
      if (this.#next[mark]! < from) {
        const at = bytes.indexOf(text, from)
        this.#next[mark] = at === -1 ? bytes.length : at
      }
      if (first === -1 || this.#next[mark]! < this.#next[first]!) first = mark
    }
    if (first === -1 || this.#next[first] === bytes.length) {
      this.#tail = Buffer.from(bytes.subarray(Math.max(from, bytes.length - this.#longest + 1)))
      return bytes.length
    }
    this.#key = this.#keys[first]!
    this.#awaits = 'colon'
    return this.#next[first]! + this.#marks[first]!.length
  }

  /** Over the colon, and to the first byte of a value; back to keys where something else stands there. */
  #enter(bytes: Buffer, at: number): number {
    if (at === bytes.length) return at
    if (this.#awaits === 'colon') {
      this.#awaits = bytes[at] === COLON ? 'value' : 'key'
      return this.#awaits === 'value' ? at + 1 : at
    }
    if (this.#begins.has(bytes[at]!)) {
      this.#awaits = 'end'
      this.#scan = new ValueScan()
    } else this.#awaits = 'key'
    return at
  }

  #read(bytes: Buffer, start: number): number {
    const end = this.#scan.push(bytes, start)
    const stop = end === -1 ? bytes.length : end
    const fits = this.#heldLength + stop - start <= LONGEST_VALUE
    if (end === -1 && fits) {
      this.#hold(bytes.subarray(start))
      return stop
    }
    const before = this.#held.subarray(0, this.#heldLength)
    const raw = fits ? Buffer.concat([before, bytes.subarray(start, stop)]).toString('utf8') : null
    this.#held = Buffer.alloc(0)
    this.#heldLength = 0
    this.#awaits = 'key'
    if (raw !== null) this.#found(this.#key, raw)
    return stop
  }

  #hold(piece: Buffer): void {
    const length = this.#heldLength + piece.length
    if (length > this.#held.length) this.#held = Buffer.concat([this.#held], Math.max(length, 2 * this.#held.length))
    piece.copy(this.#held, this.#heldLength)
    this.#heldLength = length
  }
}

/** Looks for the end of a value whose bytes are handed over one piece after the other. */
class ValueScan {
  #depth = 0
  #inText = false
  /** An odd number of backslashes stood at the end of the last piece. */
  #escaped = false

  /** Offset behind the value, or -1 where it goes on behind the piece. */
  push(bytes: Buffer, from: number): number {
    let at = from
    for (;;) {
      if (this.#inText) {
        at = this.#endOfText(bytes, at)
        if (at === -1) return -1
        this.#inText = false
        if (this.#depth === 0) return at
      }
      for (; at < bytes.length && !this.#inText; at++) {
        const byte = bytes[at]
        if (byte === QUOTE) this.#inText = true
        else if (byte === OPEN || byte === OPEN_LIST) this.#depth++
        else if ((byte === CLOSE || byte === CLOSE_LIST) && --this.#depth === 0) return at + 1
      }
      if (!this.#inText) return -1
    }
  }

  #endOfText(bytes: Buffer, from: number): number {
    for (let at = from; ;) {
      const quote = bytes.indexOf(QUOTE, at)
      const stop = quote === -1 ? bytes.length : quote
      let escapes = 0
      while (stop - escapes > at && bytes[stop - 1 - escapes] === BACKSLASH) escapes++
      const wasEscaped = this.#escaped && escapes === stop - at
      this.#escaped = escapes % 2 === 1 ? !wasEscaped : wasEscaped
      if (quote === -1) return -1
      const ends = !this.#escaped
      this.#escaped = false
      if (ends) return quote + 1
      at = quote + 1
    }
  }
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
