// One answer, put together from the reads of a socket however they are cut. It reads a whole read before anyone is told
// of it, and copies what is kept, so the bytes it is given may be overwritten afterwards.
// Invariants: nothing is remembered that is longer than a head may be; once it is done or malformed it takes nothing
// more.
import { ChunkedBody } from './chunked-body.ts'
import { mayBecomeFields, mayBeginHead, readResponseHead, type ResponseHead } from './response-head.ts'

/** Of the final head, and of all provisional ones before it. */
const MOST_HEAD = 64 * 1024
const HEAD_END = Buffer.from('\r\n\r\n')
const CR = 0x0d
const SWITCHING_PROTOCOLS = 101
/** So many bytes of a head show whether it begins as one. */
const FIRST_LOOK = 8

/** Beginnings and ends of the pieces of body in one read; empty between reads. */
const pieces: number[] = []

export class ResponseReader {
  /** Of the final answer; null until it is there. */
  head: ResponseHead | null = null
  isDone = false
  isMalformed = false
  /** There were bytes behind the end of the answer. */
  hasExtra = false
  /** The beginning of a head whose end is still to come. */
  #held: Buffer | null = null
  #headBytes = 0
  /** Of a body whose length is known. */
  #left = 0
  #chunked: ChunkedBody | null = null

  /** Takes the next bytes; returns what they hold of the body, in one piece, or null. */
  read(bytes: Buffer, length: number): Buffer | null {
    if (this.head !== null) return this.#readBody(bytes, 0, length)
    if (this.#held === null) return this.#readHead(bytes, length)
    const joined = Buffer.concat([this.#held, bytes.subarray(0, length)])
    return this.#readHead(joined, joined.length)
  }

  /** The other side says nothing more: was that the end of the answer? */
  finish(): boolean {
    if (this.head?.framing === 'until-close') this.isDone = true
    return this.isDone
  }

  #readHead(bytes: Buffer, length: number): Buffer | null {
    const at = this.#passHeads(bytes, length)
    if (at === -1) this.isMalformed = true
    if (this.isDone) this.hasExtra = at < length
    return this.head === null || this.isDone ? null : this.#readBody(bytes, at, length)
  }

  /** Returns where the body begins, `length` while the head is not there, or -1 where it is malformed. */
  #passHeads(bytes: Buffer, length: number): number {
    const earlier = this.#held?.length ?? 0
    this.#held = null
    // What was held has been looked at, but for a line end that was cut: a head may come in very many reads.
    const unseen = bytes[earlier - 1] === CR ? earlier - 1 : earlier
    let from = Math.max(0, earlier - HEAD_END.length + 1)
    for (let at = 0; ;) {
      const found = bytes.indexOf(HEAD_END, from)
      const isThere = found !== -1 && found + HEAD_END.length <= length
      const end = isThere ? found + HEAD_END.length : length
      if (this.#headBytes + end - at > MOST_HEAD) return -1
      if (!isThere) {
        if (!mayBeginHead(bytes.toString('latin1', at, Math.min(at + FIRST_LOOK, length)))) return -1
        if (!mayBecomeFields(bytes.toString('latin1', Math.max(at, unseen), length))) return -1
        if (at < length) this.#held = Buffer.from(bytes.subarray(at, length))
        return length
      }
      this.#headBytes += end - at
      const head = readResponseHead(bytes.toString('latin1', at, found))
      if (head === null || head.status === SWITCHING_PROTOCOLS) return -1
      at = from = end
      if (head.status < 200) continue
      this.#begin(head)
      return at
    }
  }

  #begin(head: ResponseHead): void {
    this.head = head
    this.#left = head.length
    if (head.framing === 'chunked') this.#chunked = new ChunkedBody()
    else this.isDone = head.framing === 'none' || (head.framing === 'length' && head.length === 0)
  }

  #readBody(bytes: Buffer, start: number, length: number): Buffer | null {
    let end = length
    if (this.#chunked !== null) {
      end = this.#chunked.read(bytes, start, length, pieces)
      this.isMalformed = end === -1
      this.isDone = this.#chunked.isDone
    } else if (start < length) {
      if (this.head!.framing === 'length') {
        end = Math.min(start + this.#left, length)
        this.#left -= end - start
        this.isDone = this.#left === 0
      }
      pieces.push(start, end)
    }
    this.hasExtra = this.isDone && end < length
    return takePieces(bytes)
  }
}

/**
 * What is so small is a part of a common buffer: a pace of thousands of pieces a second pays for each buffer of its
 * own.
 */
const SMALL = 2048

/**
 * A copy; a large one is a buffer of its own, since part of a common one keeps the bytes of others in memory with it.
 */
function takePieces(bytes: Buffer): Buffer | null {
  if (pieces.length === 0) return null
  let size = 0
  for (let index = 0; index < pieces.length; index += 2) size += pieces[index + 1]! - pieces[index]!
  const copy = size <= SMALL ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
  let at = 0
  for (let index = 0; index < pieces.length; index += 2) {
    at += bytes.copy(copy, at, pieces[index], pieces[index + 1])
  }
  pieces.length = 0
  return copy
}
