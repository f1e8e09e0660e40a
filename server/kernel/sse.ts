// Reading server-sent events at the level of bytes, for relaying: where do events end, which one is the first that
// matters, what are the head of the last event and the tail of the stream? Nothing is decoded but what is asked for.
// Line ends may be LF, CRLF or CR, and any byte may be the last of a read.

const LF = 0x0a
const CR = 0x0d
const HEAD_BYTES = 256
/** So much is known of a stream's end, whatever its reads were; of a large read more, since some events are long. */
const TAIL_BYTES = 4096
const LONGEST_TAIL = 4 * TAIL_BYTES
/** What is kept of small reads moves to the front once in so many bytes more. */
const TAIL_ROOM = TAIL_BYTES + 1024
const FIRST_TAIL_ROOM = 512
const NOTHING = Buffer.alloc(0)
const NO_MARKS: readonly string[] = []
const BLANK_LINE = Buffer.from('\n\n')

export interface SseEvent {
  readonly event: string | null
  readonly data: string
}

/** Is this event's text only a comment or a provider's ping, which say nothing about progress? */
export function isHeartbeat(text: string): boolean {
  return /^(?::|event: ?ping\b)/.test(text) || !/^(?:event|data):/m.test(text)
}

export function parseSseEvent(text: string): SseEvent {
  const lines = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
  let event: string | null = null
  let data: string | null = null
  for (let start = 0; start < lines.length;) {
    const found = lines.indexOf('\n', start)
    const end = found === -1 ? lines.length : found
    if (lines.startsWith('data:', start)) {
      const line = lines.slice(lines[start + 5] === ' ' ? start + 6 : start + 5, end)
      data = data === null ? line : `${data}\n${line}`
    } else if (lines.startsWith('event:', start)) event = lines.slice(start + 6, end).trim()
    start = end + 1
  }
  return { event, data: data ?? '' }
}

/** The first event of a stream's beginning that is no heartbeat; null while it is not complete. */
export function findFirstEvent(bytes: Buffer): { text: string; end: number } | null {
  let start = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  for (;;) {
    const end = endOfEvent(bytes, start)
    if (end === -1) return null
    const text = bytes.toString('utf8', start, end)
    if (text.trim() !== '' && !isHeartbeat(text)) return { text, end }
    start = end
  }
}

/** Offset behind the blank line that ends the event beginning at `start`; -1 while it is not there. */
export function endOfEvent(bytes: Uint8Array, start: number): number {
  for (let index = start; index < bytes.length; index++) {
    const byte = bytes[index]!
    if (byte !== LF && byte !== CR) continue
    let next = index + 1
    if (byte === CR && bytes[next] === LF) next++
    const second = bytes[next]
    if (second === LF) return next + 1
    if (second === CR) {
      // CR at the very end of a read may be half of a CRLF; waiting for the next byte settles it.
      if (next + 1 === bytes.length) return -1
      return bytes[next + 1] === LF ? next + 2 : next + 1
    }
    index = next - 1
  }
  return -1
}

/** Follows a stream as it is forwarded: event ends, progress, the head of the latest event, the last few KB. */
export class SseTap {
  /** Nothing of an unfinished event has been seen: a keep-alive may be put in here. */
  atBoundary = true
  #lineBytes = 0 // bytes on the current line
  #afterCr = false
  /** Made where a read first ends within an event: a part of a common buffer would keep all of that in memory. */
  #head: Buffer = NOTHING
  #headBytes = 0
  #lastHead = ''
  /** A copy: reads kept as they came would each stay in memory with all that belongs to a buffer. */
  #tail: Buffer = NOTHING
  #tailBytes = 0
  #tailText: string | null = null
  readonly #marks: Marks
  #marked = false
  /** The end of what has passed, as far as a mark may begin in it. */
  #carry: Buffer = NOTHING

  /** `marks`: texts whose passing is noted. */
  constructor(marks: readonly string[] = NO_MARKS) {
    this.#marks = prepareMarks(marks)
  }

  /** One of the marks has passed. */
  get marked(): boolean {
    return this.#marked
  }

  /** Takes the next bytes; true when an event that is no heartbeat ended in them. */
  push(chunk: Buffer): boolean {
    let progress = false
    let cr = chunk.indexOf(CR) // the next one at or behind the place where it was looked for; length = none
    if (cr === -1) cr = chunk.length
    const mayTakeMany = cr === chunk.length
    for (let index = 0; index < chunk.length;) {
      if (mayTakeMany && this.#headBytes === 0 && this.#lineBytes === 0 && !this.#afterCr) {
        const end = chunk.lastIndexOf(BLANK_LINE) + BLANK_LINE.length
        if (end >= index + BLANK_LINE.length) {
          if (this.#takeWholeEvents(chunk, index, end)) progress = true
          index = end
          continue
        }
      }
      const byte = chunk[index]!
      if (byte === LF && this.#afterCr) {
        this.#afterCr = false
        if (this.#headBytes > 0) this.#keepHead(chunk, index, index + 1)
        index++
        continue
      }
      this.#afterCr = byte === CR
      if (byte === LF || byte === CR) {
        if (this.#lineBytes === 0) {
          if (this.#endEvent()) progress = true
        } else {
          this.#lineBytes = 0
          this.#keepHead(chunk, index, index + 1)
        }
        index++
        continue
      }
      // Inside a line nothing happens until it ends.
      let end = chunk.indexOf(LF, index)
      if (end === -1) end = chunk.length
      if (cr < index) {
        cr = chunk.indexOf(CR, index)
        if (cr === -1) cr = chunk.length
      }
      if (cr < end) end = cr
      this.#keepHead(chunk, index, end)
      this.#lineBytes += end - index
      this.atBoundary = false
      index = end
    }
    this.#keepTail(chunk)
    if (this.#marks.texts.length > 0 && !this.#marked) this.#lookForMarks(chunk)
    return progress
  }

  get lastEventHead(): string {
    return this.atBoundary ? this.#lastHead : this.#head.toString('latin1', 0, this.#headBytes)
  }

  /** What came last, as text. */
  get tail(): string {
    return (this.#tailText ??= this.#tail.toString('utf8', 0, this.#tailBytes))
  }

  /**
   * Whole events without CR, at `start` to `end`: the head of the last that is no heartbeat is all that will be asked
   * for, so they are looked at from the back. Is there one?
   */
  #takeWholeEvents(chunk: Buffer, start: number, end: number): boolean {
    this.atBoundary = true
    for (let stop = end - BLANK_LINE.length; stop >= start;) {
      const before = stop === 0 ? -1 : chunk.lastIndexOf(BLANK_LINE, stop - 1)
      let from = before < start ? start : before + BLANK_LINE.length
      while (from < stop && chunk[from] === LF) from++
      if (from < stop) {
        const text = chunk.toString('latin1', from, Math.min(stop + 1, from + HEAD_BYTES))
        if (!isHeartbeat(text)) {
          this.#lastHead = text
          return true
        }
      }
      stop = before
    }
    return false
  }

  #endEvent(): boolean {
    this.atBoundary = true
    if (this.#headBytes === 0) return false
    const text = this.#head.toString('latin1', 0, this.#headBytes)
    this.#headBytes = 0
    if (isHeartbeat(text)) return false
    this.#lastHead = text
    return true
  }

  // A mark may be cut by a read: where the end of one could begin a mark, it is kept and looked at together with the
  // next beginning. Most reads end between events, where nothing is kept and nothing copied.
  #lookForMarks(chunk: Buffer): void {
    const { texts, longest, bytes } = this.#marks
    let seam = chunk
    if (this.#carry.length > 0) {
      seam = Buffer.concat([this.#carry, chunk.subarray(0, longest)])
      this.#marked = includesAny(seam, texts)
    }
    this.#marked ||= includesAny(chunk, texts)
    const ending = chunk.length < longest ? seam : chunk
    const mayBeCut = !this.#marked && ending.length > 0 && bytes[ending[ending.length - 1]!] === 1
    const start = mayBeCut ? startOfCutMark(ending, texts, longest) : ending.length
    this.#carry = start === ending.length ? NOTHING : Buffer.from(ending.subarray(start))
  }

  #keepHead(chunk: Buffer, from: number, to: number): void {
    if (this.#head.length === 0) this.#head = Buffer.allocUnsafeSlow(HEAD_BYTES)
    const end = Math.min(to, from + HEAD_BYTES - this.#headBytes)
    for (let index = from; index < end; index++) this.#head[this.#headBytes++] = chunk[index]!
  }

  #keepTail(chunk: Buffer): void {
    this.#tailText = null
    if (chunk.length >= TAIL_BYTES) {
      this.#tailBytes = Math.min(chunk.length, LONGEST_TAIL)
      this.#makeRoom(this.#tailBytes, 0)
      chunk.copy(this.#tail, 0, chunk.length - this.#tailBytes)
      return
    }
    if (this.#tailBytes + chunk.length > this.#tail.length) this.#forgetOrGrow(chunk.length)
    this.#tail.set(chunk, this.#tailBytes)
    this.#tailBytes += chunk.length
  }

  /** Until so many bytes more have room. */
  #forgetOrGrow(more: number): void {
    const needed = this.#tailBytes + more
    if (needed <= TAIL_ROOM) {
      this.#makeRoom(Math.min(TAIL_ROOM, Math.max(needed, FIRST_TAIL_ROOM, 2 * this.#tail.length)), this.#tailBytes)
      return
    }
    const kept = Math.min(this.#tailBytes, TAIL_BYTES - more)
    this.#tail.copyWithin(0, this.#tailBytes - kept, this.#tailBytes)
    this.#makeRoom(TAIL_ROOM, kept)
    this.#tailBytes = kept
  }

  #makeRoom(room: number, kept: number): void {
    if (this.#tail.length >= room) return
    const larger = Buffer.allocUnsafeSlow(room)
    this.#tail.copy(larger, 0, 0, kept)
    this.#tail = larger
  }
}

interface Marks {
  readonly texts: readonly Buffer[]
  readonly longest: number
  /** 1 at the bytes that stand in a mark: no other can be the last of one that is cut. */
  readonly bytes: Uint8Array
}

/** Of the lists that were given: every stream of a dialect has the same one. */
const prepared = new WeakMap<readonly string[], Marks>()

function prepareMarks(marks: readonly string[]): Marks {
  const known = prepared.get(marks)
  if (known) return known
  const texts = marks.map((mark) => Buffer.from(mark))
  const bytes = new Uint8Array(256)
  for (const text of texts) for (const byte of text) bytes[byte] = 1
  const made = { texts, longest: texts.reduce((longest, text) => Math.max(longest, text.length), 0), bytes }
  prepared.set(marks, made)
  return made
}

function includesAny(bytes: Buffer, marks: readonly Buffer[]): boolean {
  for (const mark of marks) if (bytes.includes(mark)) return true
  return false
}

/** Where the first mark begins that the end of `bytes` cuts; their length where none does. */
function startOfCutMark(bytes: Buffer, marks: readonly Buffer[], longestMark: number): number {
  for (let start = Math.max(0, bytes.length - longestMark + 1); start < bytes.length; start++) {
    for (const mark of marks) if (isBeginningOf(mark, bytes, start)) return start
  }
  return bytes.length
}

function isBeginningOf(mark: Buffer, bytes: Buffer, start: number): boolean {
  if (bytes.length - start >= mark.length) return false
  for (let index = start; index < bytes.length; index++) if (bytes[index] !== mark[index - start]) return false
  return true
}
