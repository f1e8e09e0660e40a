// Reads HTTP/1.1 messages off a bare socket, as cheaply as can be: the peers must leave the processor to the target.
// Invariant: however the bytes are split, the messages are the same. Anything it does not know, it throws on.

export interface Message {
  /** Start line and header lines, without the empty line. */
  readonly head: string
  readonly body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')
const NOTHING = Buffer.alloc(0)

export class HttpReader {
  readonly #onMessage: (message: Message) => void
  #held: Buffer = NOTHING
  /** Of the message under way; null between messages. */
  #head: string | null = null
  /** Bytes its body still lacks where they were announced; null where it comes in chunks. */
  #length: number | null = 0
  #chunks: Buffer[] = []

  constructor(onMessage: (message: Message) => void) {
    this.#onMessage = onMessage
  }

  /** Is a message half read? */
  get inside(): boolean {
    return this.#held.length > 0 || this.#head !== null
  }

  push(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    while (this.#readOn());
  }

  /** Takes the next piece out of the bytes at hand; false when more must come first. */
  #readOn(): boolean {
    if (this.#head === null) return this.#readHead()
    if (this.#length === null) return this.#readChunk()
    if (this.#held.length < this.#length) return false
    const body = this.#take(this.#length)
    this.#finish(body)
    return true
  }

  #readHead(): boolean {
    const end = this.#held.indexOf(HEAD_END)
    if (end === -1) return false
    const head = this.#take(end + HEAD_END.length).toString('latin1', 0, end)
    const length = readHeader(head, 'content-length')
    const coding = readHeader(head, 'transfer-encoding')
    if (coding !== null && coding.toLowerCase() !== 'chunked') throw new Error(`transfer-encoding is ${coding}`)
    if (length !== null && (coding !== null || !/^\d{1,12}$/.test(length))) throw new Error('the length is in doubt')
    this.#head = head
    this.#length = coding === null ? Number(length ?? 0) : null
    return true
  }

  #readChunk(): boolean {
    const lineEnd = this.#held.indexOf(LINE_END)
    if (lineEnd === -1) return false
    const line = this.#held.toString('latin1', 0, lineEnd)
    if (!/^[0-9a-f]{1,8}$/i.test(line)) throw new Error(`"${line.slice(0, 40)}" is no size of a chunk`)
    const size = Number.parseInt(line, 16)
    const from = lineEnd + LINE_END.length
    if (this.#held.length < from + size + LINE_END.length) return false
    const data = this.#take(from + size + LINE_END.length).subarray(from, from + size)
    if (size > 0) this.#chunks.push(data)
    else this.#finish(Buffer.concat(this.#chunks))
    return true
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.length === count ? NOTHING : this.#held.subarray(count)
    return taken
  }

  #finish(body: Buffer): void {
    const message = { head: this.#head!, body }
    this.#head = null
    this.#chunks = []
    this.#onMessage(message)
  }
}

/** The value of a header, trimmed; null where it is missing. `name` in lower case. */
export function readHeader(head: string, name: string): string | null {
  let at = head.indexOf('\r\n')
  while (at !== -1) {
    const from = at + 2
    const colon = from + name.length
    at = head.indexOf('\r\n', from)
    if (head.charCodeAt(colon) !== 58) continue
    if (head.slice(from, colon).toLowerCase() === name) return head.slice(colon + 1, at === -1 ? undefined : at).trim()
  }
  return null
}
