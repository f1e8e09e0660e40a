// The journal's lines: `<crc32> <length> <json>\n`, CRC in 8 hex digits over the JSON bytes, length in 6 hex digits.
// Segments are full of zeros ahead of the last line. A line whose length or CRC is wrong never counts: a torn last one
// is a call that never started; after a power loss there may be holes of zeros, behind which whole lines are still
// found.
import { crc32 } from 'node:zlib'

const HEADER_BYTES = 16
const NEWLINE = 10
const SPACE = 32
const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1')

export const LONGEST_LINE = 128 * 1024

/** Writes the line for `json` into `target` at `offset`; returns its length, or 0 where it does not fit. */
export function encodeLine(json: string, target: Buffer, offset: number): number {
  // No character takes more than three bytes in UTF-8; only near the end of the buffer is it worth counting.
  const room = target.length - offset - HEADER_BYTES - 1
  if (json.length > room || (json.length * 3 > room && Buffer.byteLength(json) > room)) return 0
  const start = offset + HEADER_BYTES
  const length = target.write(json, start)
  const crc = crc32(target.subarray(start, start + length))
  writeHex(crc, 8, target, offset)
  target[offset + 8] = SPACE
  writeHex(length, 6, target, offset + 9)
  target[offset + 15] = SPACE
  target[start + length] = NEWLINE
  return HEADER_BYTES + length + 1
}

/** As many digits of an unsigned 32-bit number as asked for, the lowest last. */
function writeHex(value: number, digits: number, target: Buffer, offset: number): void {
  let rest = value
  for (let at = offset + digits - 1; at >= offset; at--) {
    target[at] = HEX_DIGITS[rest & 15]!
    rest >>>= 4
  }
}

export interface DecodedLines {
  readonly lines: string[]
  /** Stretches that were no whole line. */
  readonly damaged: number
}

export function decodeLines(bytes: Buffer): DecodedLines {
  const lines: string[] = []
  let damaged = 0
  let offset = 0
  while (offset < bytes.length) {
    if (bytes[offset] === 0) {
      do offset++
      while (offset < bytes.length && bytes[offset] === 0)
      continue
    }
    const end = findLineEnd(bytes, offset)
    if (end > 0) {
      lines.push(bytes.toString('utf8', offset + HEADER_BYTES, end))
      offset = end + 1
    } else {
      damaged++
      const newline = bytes.indexOf(NEWLINE, offset)
      offset = newline < 0 ? bytes.length : newline + 1
    }
  }
  return { lines, damaged }
}

/** Where the newline of the whole line at `offset` stands; 0 where there is none. */
function findLineEnd(bytes: Buffer, offset: number): number {
  const start = offset + HEADER_BYTES
  if (start >= bytes.length) return 0
  const header = /^([0-9a-f]{8}) ([0-9a-f]{6}) $/.exec(bytes.toString('latin1', offset, start))
  if (header === null) return 0
  const end = start + parseInt(header[2]!, 16)
  if (end >= bytes.length || bytes[end] !== NEWLINE) return 0
  return crc32(bytes.subarray(start, end)) === parseInt(header[1]!, 16) ? end : 0
}
