// The body of a streamed answer, its pieces framed here as HTTP/1.1 asks (RFC 9112 §7.1): one buffer and one write for
// a piece. Node makes four writes of each, and a stream of thousands of pieces pays for all of them.
// Invariant: the last frame is written by `end` alone, so what is cut off never looks whole.
import type { ServerResponse } from 'node:http'

/** A larger piece goes out as it lies, its frame round it. */
const MOST_COPIED = 16 * 1024
const FRAME_END = '\r\n'
const BODY_END = '0\r\n\r\n'
const [CR, LF] = [0x0d, 0x0a]

export class StreamBody {
  readonly #response: ServerResponse
  /** Not for HTTP/1.0, whose bodies end with the connection. */
  readonly #isFramed: boolean
  #isBegun = false

  /** Takes the answer over, its headers set; they leave with the first piece. */
  constructor(response: ServerResponse, status: number) {
    this.#response = response
    response.writeHead(status)
    this.#isFramed = response.chunkedEncoding
    response.chunkedEncoding = false
  }

  /** Text leaves as UTF-8. False where the client takes no more for now. */
  write(piece: Buffer | string): boolean {
    const length = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length
    // An empty frame would be the last.
    if (length === 0) return !this.#response.writableNeedDrain
    if (this.#isBegun) return this.#write(piece, length)
    this.#isBegun = true
    this.#response.cork()
    const ready = this.#write(piece, length)
    this.#response.uncork()
    return ready
  }

  end(last: Buffer | string = ''): void {
    this.write(last)
    this.#response.end(this.#isFramed ? BODY_END : undefined)
  }

  #write(piece: Buffer | string, length: number): boolean {
    const response = this.#response
    if (!this.#isFramed) return response.write(piece)
    if (length <= MOST_COPIED) return response.write(frame(piece, length))
    response.cork()
    response.write(`${length.toString(16)}\r\n`)
    response.write(piece)
    const ready = response.write(FRAME_END)
    response.uncork()
    return ready
  }
}

function frame(piece: Buffer | string, length: number): Buffer {
  const size = length.toString(16)
  const framed = Buffer.allocUnsafe(size.length + length + 4)
  let at = framed.write(size, 'latin1')
  framed[at++] = CR
  framed[at++] = LF
  if (typeof piece === 'string') framed.write(piece, at)
  else framed.set(piece, at)
  at += length
  framed[at++] = CR
  framed[at] = LF
  return framed
}
