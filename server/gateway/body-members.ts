// Members of a JSON object taken out of its bytes or put in, the rest byte for byte as it was sent. Ranges are those of
// json-scan.ts: of a value at the top level, of a key without quotes in it.

const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const COMMA = 0x2c
const QUOTE = 0x22

interface MemberRange {
  readonly start: number
  readonly end: number
}

/** In the place of another member, or before everything else. */
export function putMember(bytes: Buffer, other: MemberRange | undefined, key: string, value: string): Uint8Array[] {
  const member = `${JSON.stringify(key)}:${JSON.stringify(value)}`
  if (other) return cut(bytes, { start: startOfMember(bytes, other), end: other.end }, member)
  const inside = bytes.indexOf(OPEN_BRACE) + 1
  const isEmpty = bytes[skipSpace(bytes, inside, 1)] === CLOSE_BRACE
  return cut(bytes, { start: inside, end: inside }, isEmpty ? member : `${member},`)
}

/** With the comma behind it, or the one before where it is the last. */
export function removeMember(bytes: Buffer, value: MemberRange): Uint8Array[] {
  const start = startOfMember(bytes, value)
  const after = skipSpace(bytes, value.end, 1)
  if (bytes[after] === COMMA) return cut(bytes, { start, end: skipSpace(bytes, after + 1, 1) }, '')
  const before = skipSpace(bytes, start - 1, -1)
  return cut(bytes, { start: bytes[before] === COMMA ? before : start, end: value.end }, '')
}

/**
 * Where the key of a value begins. No letter of a key that is looked for is a quote, so the nearest two are its own.
 */
function startOfMember(bytes: Buffer, value: MemberRange): number {
  const close = bytes.lastIndexOf(QUOTE, value.start - 1)
  return bytes.lastIndexOf(QUOTE, close - 1)
}

function skipSpace(bytes: Buffer, from: number, step: 1 | -1): number {
  let at = from
  while (bytes[at] === 0x20 || (bytes[at]! >= 0x09 && bytes[at]! <= 0x0d)) at += step
  return at
}

function cut(bytes: Buffer, { start, end }: MemberRange, text: string): Uint8Array[] {
  return [bytes.subarray(0, start), Buffer.from(text), bytes.subarray(end)].filter(({ length }) => length > 0)
}
