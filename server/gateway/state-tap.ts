// Finds the text values of certain keys in the bytes of an answer as they pass, wherever a read cuts them. Nothing else
// is decoded: one search per read while no such key is there.

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
/** Longer values are no state of any vendor. */
const LONGEST_VALUE = 1024 * 1024

export interface StateTap {
  push(chunk: Buffer): void
}

/** `found` gets each value, unescaped. */
export function createStateTap(keys: readonly string[], found: (value: string) => void): StateTap {
  const marks = keys.map((key) => Buffer.from(`"${key}"`))
  const longest = marks.reduce((most, mark) => Math.max(most, mark.length), 0)
  /** What has passed and may be the beginning of a key, or of its value. */
  let held: Buffer = Buffer.alloc(0)
  let inside = false

  return {
    push(chunk) {
      let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      for (;;) {
        if (!inside) {
          const at = endOfFirst(bytes, marks)
          if (at === -1) {
            held = Buffer.from(bytes.subarray(Math.max(0, bytes.length - longest + 1)))
            return
          }
          bytes = bytes.subarray(at)
          inside = true
        }
        const value = readValue(bytes)
        if (value === 'more' && bytes.length <= LONGEST_VALUE) {
          held = Buffer.from(bytes)
          return
        }
        inside = false
        if (value === 'more' || value === 'none') continue
        const text = unescape(bytes.toString('utf8', value.start, value.end))
        if (text !== null && text !== '') found(text)
        bytes = bytes.subarray(value.end)
      }
    },
  }
}

/** Offset behind the first of the marks; -1 where none stands. */
function endOfFirst(bytes: Buffer, marks: readonly Buffer[]): number {
  let start = -1
  let end = -1
  for (const mark of marks) {
    const at = bytes.indexOf(mark)
    if (at === -1 || (start !== -1 && at >= start)) continue
    start = at
    end = at + mark.length
  }
  return end
}

/** The text behind a key: `: "…"`. none: what stands there is no text. more: the bytes end before it does. */
function readValue(bytes: Buffer): { start: number; end: number } | 'none' | 'more' {
  let at = skipSpace(bytes, 0)
  if (at === bytes.length) return 'more'
  if (bytes[at] !== COLON) return 'none'
  at = skipSpace(bytes, at + 1)
  if (at === bytes.length) return 'more'
  if (bytes[at] !== QUOTE) return 'none'
  for (let from = at + 1; ;) {
    const quote = bytes.indexOf(QUOTE, from)
    if (quote === -1) return 'more'
    let escapes = 0
    while (bytes[quote - 1 - escapes] === BACKSLASH) escapes++
    if (escapes % 2 === 0) return { start: at + 1, end: quote }
    from = quote + 1
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
