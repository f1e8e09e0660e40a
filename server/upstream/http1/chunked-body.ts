// A chunked body, read strictly: sizes in hexadecimal, extensions passed over, trailers checked and dropped. It says
// which bytes of a read belong to the body and copies none.
import { areTrailers, mayBecomeFields } from './response-head.ts'

/** Of one chunk's size, leading zeros included: so many tell more than any body has. */
const MOST_DIGITS = 13
const MOST_EXTENSION = 4096
const MOST_TRAILERS = 16 * 1024

const CR = 0x0d
const LF = 0x0a

type Place = 'size' | 'more-size' | 'extension' | 'size-end' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'done'

export class ChunkedBody {
  #place: Place = 'size'
  #digits = 0
  #size = 0
  #extension = 0
  #trailers = ''

  get isDone(): boolean {
    return this.#place === 'done'
  }

  /**
   * Reads on from `at`; the beginnings and ends of what belongs to the body are added to `pieces`. Returns how far it
   * came: to `length`, or behind the end of the body; -1 where it is malformed.
   */
  read(bytes: Buffer, start: number, length: number, pieces: number[]): number {
    let at = start
    while (at < length) {
      if (this.#place === 'data') {
        const end = Math.min(at + this.#size, length)
        pieces.push(at, end)
        this.#size -= end - at
        at = end
        if (this.#size === 0) this.#place = 'data-cr'
        continue
      }
      if (this.#place === 'trailers') return this.#readTrailers(bytes, at, length)
      if (!this.#readByte(bytes[at]!)) return -1
      at++
    }
    return at
  }

  /** What stands between the pieces. False where it may not stand there. */
  #readByte(byte: number): boolean {
    switch (this.#place) {
      case 'size':
        return this.#readDigit(byte)
      case 'more-size':
        if (byte === CR) this.#place = 'size-end'
        else if (byte === 0x3b) this.#place = 'extension'
        else return this.#readDigit(byte)
        return true
      case 'extension':
        if (byte === CR) this.#place = 'size-end'
        else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return false
        return ++this.#extension <= MOST_EXTENSION
      case 'size-end':
        this.#place = this.#size === 0 ? 'trailers' : 'data'
        this.#digits = this.#extension = 0
        return byte === LF
      case 'data-cr':
        this.#place = 'data-lf'
        return byte === CR
      case 'data-lf':
        this.#place = 'size'
        return byte === LF
      default:
        return false
    }
  }

  #readDigit(byte: number): boolean {
    const digit = hexDigit(byte)
    if (digit === -1 || ++this.#digits > MOST_DIGITS) return false
    this.#size = this.#size * 16 + digit
    this.#place = 'more-size'
    return true
  }

  #readTrailers(bytes: Buffer, at: number, length: number): number {
    const earlier = this.#trailers.length
    const text = this.#trailers + bytes.toString('latin1', at, length)
    const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n') + 2
    if (end === 1) {
      this.#trailers = text
      return text.length <= MOST_TRAILERS && mayBecomeFields(text) ? length : -1
    }
    if (end > MOST_TRAILERS || !areTrailers(text.slice(0, end))) return -1
    this.#place = 'done'
    this.#trailers = ''
    return at + end + 2 - earlier
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
