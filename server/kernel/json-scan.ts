// One pass over the top level of a JSON object that lies in a list of received buffers: where do the values of a few
// keys start and end? It lets the gateway read the model name, and replace it, without parsing or re-writing a body:
// re-writing corrupts large integers and breaks the providers' prompt caches.
// Invariants: what JSON.parse accepts is complete, with the same values. What is malformed at the top level, or outside
// strings in a way that could move a string's bounds (other quotes, comments), is not complete: no lenient parser
// behind us may see other top-level keys than we do. Faults inside nested values and inside strings are not looked for.

export interface JsonScan {
  /** The text is one object, closed, well-formed at its top level, with only white space around it. */
  readonly complete: boolean
  /** Deepest nesting of objects and arrays seen. */
  readonly depth: number
  /** Absolute byte range [start, end) of each wanted key's last value, surrounding white space excluded. */
  readonly values: ReadonlyMap<string, { readonly start: number; readonly end: number }>
  /** A wanted key that stands there twice, if any. */
  readonly duplicate: string | null
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
// Raw bytes of a key that are read. No wanted key is so long, were each of its letters written as \uXXXX.
const LONGEST_KEY = 256
// Of the numbers and words at the top level; a longer number is taken as it is.
const LONGEST_SCALAR = 64
// Brackets below this depth are not matched with each other; no caller serves a body so deep.
const DEEPEST_MATCHED = 512
const SCALAR = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/
/** Bytes that numbers and words are made of: letters, digits, `+`, `-`, `.`. */
const IS_SCALAR = new Uint8Array(256)
for (const char of '+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')
  IS_SCALAR[char.charCodeAt(0)] = 1

/** Bytes that mean nothing below the top level: those, white space, colons, commas. */
const IS_INSIDE = Uint8Array.from(IS_SCALAR)
for (const char of ' \t\n\r:,') IS_INSIDE[char.charCodeAt(0)] = 1

// What may come next at the top level.
const KEY_OR_END = 0
const KEY = 1
const AT_COLON = 2
const VALUE = 3
const IN_SCALAR = 4
const COMMA_OR_END = 5

/** Scans `chunks` (one JSON text in order) for the values of `wanted` keys of its top-level object. */
// size: one byte-level state machine; cut in pieces it would pass its dozen variables around on every byte.
export function scanJsonObject(chunks: readonly Uint8Array[], wanted: ReadonlySet<string>): JsonScan {
  const values = new Map<string, { start: number; end: number }>()
  const brackets: number[] = [] // the opening bracket of each depth
  let duplicate: string | null = null
  let base = 0
  let depth = 0
  let deepest = 0
  let closed = false
  let broken = false
  let inString = false
  let escaped = false
  let next = KEY_OR_END // of depth 1
  let readingKey = false
  let key = ''
  let scalar = ''
  let valueOf: string | null = null
  let valueStart = 0
  let valueEnd = 0

  const endValue = (): void => {
    if (next === IN_SCALAR) endScalar()
    if (next !== COMMA_OR_END) broken = true
    // What is malformed has no value, wherever the reads were cut.
    if (broken || valueOf === null) return
    if (values.has(valueOf)) duplicate ??= valueOf
    values.set(valueOf, { start: valueStart, end: valueEnd })
    valueOf = null
  }
  const endScalar = (): void => {
    if (scalar.length < LONGEST_SCALAR && !SCALAR.test(scalar)) broken = true
    next = COMMA_OR_END
  }
  const endKey = (): void => {
    readingKey = false
    next = AT_COLON
    const name = key.length < LONGEST_KEY && key.includes('\\') ? unescapeKey(key) : key
    if (name === null) broken = true
    else valueOf = wanted.has(name) ? name : null
  }

  for (const chunk of chunks) {
    const length = chunk.length
    let index = 0
    let backslash = -2 // next backslash at or behind index; -2 = not looked up yet, length = none
    while (index < length) {
      if (inString) {
        const from = index
        if (escaped) {
          escaped = false
          if (readingKey && key.length < LONGEST_KEY) key += String.fromCharCode(chunk[index]!)
          index++
          continue
        }
        let quote = chunk.indexOf(QUOTE, index)
        if (quote === -1) quote = length
        if (backslash < index) {
          backslash = chunk.indexOf(BACKSLASH, index)
          if (backslash === -1) backslash = length
        }
        const stop = backslash < quote ? backslash : quote
        if (readingKey && key.length < LONGEST_KEY) key += latin1(chunk, from, stop)
        if (stop === length) {
          index = length
        } else if (stop === backslash) {
          if (readingKey && key.length < LONGEST_KEY) key += '\\'
          escaped = true
          index = stop + 1
        } else {
          inString = false
          index = stop + 1
          if (readingKey) endKey()
          else if (depth === 1) valueEnd = base + index
          if (broken) break
        }
        continue
      }
      // Most of a nested value that is no string.
      if (depth > 1) {
        while (index < length && IS_INSIDE[chunk[index]!] === 1) index++
        if (index === length) break
      }
      const byte = chunk[index]!
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
        if (depth === 1 && next === IN_SCALAR) endScalar()
        if (broken) break
        index++
        continue
      }
      if (closed || (depth === 0 && byte !== OPEN_BRACE)) {
        broken = true
        break
      }
      switch (byte) {
        case QUOTE:
          inString = true
          if (depth !== 1) break
          if (next === VALUE) {
            valueStart = base + index
            next = COMMA_OR_END
          } else if (next <= KEY) {
            readingKey = true
            key = ''
          } else broken = true
          break
        case OPEN_BRACE:
        case OPEN_BRACKET:
          if (depth === 1) {
            if (next === VALUE) valueStart = base + index
            else broken = true
            next = COMMA_OR_END
          }
          if (depth < DEEPEST_MATCHED) brackets[depth] = byte
          if (++depth > deepest) deepest = depth
          break
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          depth--
          // In ASCII a closing bracket stands two places behind its opening one.
          if (depth < DEEPEST_MATCHED && brackets[depth] !== byte - 2) broken = true
          if (depth === 1) valueEnd = base + index + 1
          else if (depth === 0) {
            if (next !== KEY_OR_END) endValue()
            closed = true
          }
          break
        case COLON:
          if (depth !== 1) break
          if (next !== AT_COLON) broken = true
          next = VALUE
          break
        case COMMA:
          if (depth !== 1) break
          endValue()
          next = KEY
          break
        default:
          if (IS_SCALAR[byte] === 0) broken = true
          else if (depth === 1) {
            if (next === VALUE) {
              valueStart = base + index
              scalar = ''
              next = IN_SCALAR
            } else if (next !== IN_SCALAR) broken = true
            if (scalar.length < LONGEST_SCALAR) scalar += String.fromCharCode(byte)
            valueEnd = base + index + 1
          }
      }
      if (broken) break
      index++
    }
    if (broken) break
    base += length
  }
  return { complete: closed && !broken && !inString, depth: deepest, values, duplicate }
}

function latin1(chunk: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let index = start; index < end && index - start < LONGEST_KEY; index++)
    text += String.fromCharCode(chunk[index]!)
  return text
}

/** null: no parser agrees with another about what it says. */
function unescapeKey(raw: string): string | null {
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** All bytes in one buffer: the only one itself, no copy, where there is one. */
export function joinChunks(chunks: readonly Uint8Array[]): Buffer {
  const [only] = chunks
  return chunks.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(chunks)
}

/** The bytes [start, end) of a chunk list as a new list; no byte is copied. */
export function sliceChunks(chunks: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const slices: Uint8Array[] = []
  let base = 0
  for (const chunk of chunks) {
    const from = Math.max(start - base, 0)
    const to = Math.min(end - base, chunk.length)
    if (from < to) slices.push(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to))
    base += chunk.length
    if (base >= end) break
  }
  return slices
}

/** The text of the bytes [start, end), read as UTF-8. */
export function textOfChunks(chunks: readonly Uint8Array[], start: number, end: number): string {
  const slices = sliceChunks(chunks, start, end)
  return (
    slices.length === 1
      ? Buffer.from(slices[0]!.buffer, slices[0]!.byteOffset, slices[0]!.length)
      : Buffer.concat(slices)
  ).toString('utf8')
}

/** More pieces than this are joined. */
const MOST_PIECES = 16

/**
 * The chunk list with ranges replaced that do not overlap; everything else is passed on as it lies, unless there are
 * many.
 * One pass however many there are: whoever sends a body says how many.
 */
export function editChunks(
  chunks: readonly Uint8Array[],
  edits: readonly { readonly start: number; readonly end: number; readonly text: string }[],
): readonly Uint8Array[] {
  if (edits.length === 0) return chunks
  const whole = joinChunks(chunks)
  const pieces: Uint8Array[] = []
  let from = 0
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start > from) pieces.push(whole.subarray(from, start))
    if (text !== '') pieces.push(Buffer.from(text))
    from = end
  }
  if (from < whole.length) pieces.push(whole.subarray(from))
  return pieces.length > MOST_PIECES ? [Buffer.concat(pieces)] : pieces
}

export function lengthOfChunks(chunks: readonly Uint8Array[]): number {
  let total = 0
  for (const chunk of chunks) total += chunk.length
  return total
}
