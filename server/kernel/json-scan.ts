// One pass over the top level of a JSON object that lies in a list of received buffers: where do the values of a few
// keys start and end? It lets the gateway read the model name, and replace it, without parsing or re-writing a body:
// re-writing corrupts large integers and breaks the providers' prompt caches.
// Invariant: a scan is no validation. `complete` says only that one object opened and closed with nothing behind it;
// a caller in doubt lets JSON.parse decide.

export interface JsonScan {
  /** The text is one object, closed, with only white space around it. */
  readonly complete: boolean
  /** Deepest nesting of objects and arrays seen. */
  readonly depth: number
  /** Absolute byte range [start, end) of each wanted key's value, surrounding white space excluded. */
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
const LONGEST_KEY = 64

/** Scans `chunks` (one JSON text in order) for the values of `wanted` keys of its top-level object. */
// size: one byte-level state machine; cut in pieces it would pass its eleven variables around on every byte.
export function scanJsonObject(chunks: readonly Uint8Array[], wanted: ReadonlySet<string>): JsonScan {
  const values = new Map<string, { start: number; end: number }>()
  let duplicate: string | null = null
  let base = 0
  let depth = 0
  let deepest = 0
  let closed = false
  let broken = false
  let inString = false
  let escaped = false
  let keyExpected = false
  let readingKey = false
  let key = ''
  let valueOf: string | null = null
  let valueStart = 0
  let lastSolid = 0 // absolute offset behind the last byte that is not white space, at depth 1 or above

  const endValue = (): void => {
    if (valueOf === null) return
    if (values.has(valueOf)) duplicate ??= valueOf
    else values.set(valueOf, { start: valueStart, end: lastSolid })
    valueOf = null
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
          if (readingKey) key += String.fromCharCode(chunk[index]!)
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
        if (readingKey && key.length <= LONGEST_KEY) key += latin1(chunk, from, stop)
        if (stop === length) {
          index = length
        } else if (stop === backslash) {
          if (readingKey) key += '\\'
          escaped = true
          index = stop + 1
        } else {
          inString = false
          index = stop + 1
          lastSolid = base + index
        }
        continue
      }
      const byte = chunk[index]!
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
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
          if (depth === 1 && keyExpected) {
            readingKey = true
            key = ''
          } else if (valueOf !== null && valueStart === -1) valueStart = base + index
          break
        case OPEN_BRACE:
        case OPEN_BRACKET:
          if (valueOf !== null && valueStart === -1) valueStart = base + index
          if (++depth > deepest) deepest = depth
          keyExpected = depth === 1
          break
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          if (depth === 1) {
            endValue()
            if (byte === CLOSE_BRACKET) broken = true
            closed = true
          }
          depth--
          break
        case COLON:
          if (depth === 1 && readingKey) {
            readingKey = false
            keyExpected = false
            const name = key.includes('\\') ? unescapeKey(key) : key
            valueOf = wanted.has(name) ? name : null
            valueStart = -1
          }
          break
        case COMMA:
          if (depth === 1) {
            endValue()
            keyExpected = true
          }
          break
        default:
          if (valueOf !== null && valueStart === -1) valueStart = base + index
      }
      index++
      lastSolid = byte === COMMA && depth === 1 ? lastSolid : base + index
    }
    if (broken) break
    base += length
  }
  return { complete: closed && !broken && !inString, depth: deepest, values, duplicate }
}

function latin1(chunk: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let index = start; index < end && index - start <= LONGEST_KEY; index++)
    text += String.fromCharCode(chunk[index]!)
  return text
}

function unescapeKey(raw: string): string {
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch (error) {
    if (error instanceof SyntaxError) return raw
    throw error
  }
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

/** The chunk list with the bytes [start, end) replaced; everything else is passed on as it lies. */
export function spliceChunks(
  chunks: readonly Uint8Array[],
  start: number,
  end: number,
  replacement: Uint8Array,
): Uint8Array[] {
  const total = lengthOfChunks(chunks)
  return [...sliceChunks(chunks, 0, start), replacement, ...sliceChunks(chunks, end, total)]
}

export function lengthOfChunks(chunks: readonly Uint8Array[]): number {
  let total = 0
  for (const chunk of chunks) total += chunk.length
  return total
}
