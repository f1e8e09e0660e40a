// A whole answer on its way through. It is held until it is complete, so that a cut or broken one can still become an
// honest error; one too large to hold is passed on as it comes.
import { scanJsonObject, textOfChunks, type JsonScan } from '../kernel/json-scan.ts'
import { UNTOLD_USAGE, type ToldUsage } from '../protocols/canonical.ts'
import { ERROR_ANSWER_KEYS, isErrorAnswer, withNamedStatus } from '../protocols/error-answers.ts'
import type { Protocol, ProtocolId } from '../protocols/protocol.ts'
import { asObject, findLastMember, findLastText, parseJson } from '../protocols/read.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import { setForwardedHeaders, setPlanHeaders } from './answer-headers.ts'
import type { Answer, PushResult, Refusal } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { setRelayedType } from './relay-bytes.ts'
import { createUsageTap, type StateTap } from './state-tap.ts'

const MOST_HELD = 16 * 1024 * 1024
const TAIL_BYTES = 4096
const SHORT = 64
const MOST_COPIED = 16 * 1024

const wanted = new Map<ProtocolId, ReadonlySet<string>>()

/** Top-level keys that are read of an answer. */
function wantedKeys({ id, usageKeys }: Protocol): ReadonlySet<string> {
  const known = wanted.get(id) ?? new Set([...usageKeys, ...ERROR_ANSWER_KEYS])
  wanted.set(id, known)
  return known
}

export class WholeRelay implements Answer {
  readonly #exchange: Exchange
  readonly #status: number
  readonly #headers: UpstreamHeaders
  readonly #watch: StateTap | null
  /** What tells usage deep inside, by its key. */
  readonly #members = new Map<string, string>()
  readonly #memberTap: StateTap | null
  /** Of one too large to hold: what tells usage wherever it stands. */
  readonly #usageTap: StateTap | null
  #chunks: Buffer[] = []
  #held = 0
  #begun = false
  /** Too large to hold: bytes go on as they come. */
  #passing = false
  #scan: JsonScan | null = null
  #tail: Buffer = Buffer.alloc(0)
  refusal: Refusal | null = null
  bytes = 0

  constructor(exchange: Exchange, answer: { status: number; headers: UpstreamHeaders; watch?: StateTap | null }) {
    this.#exchange = exchange
    this.#status = answer.status
    this.#headers = answer.headers
    this.#watch = answer.watch ?? null
    const { usageMembers, stream } = exchange.protocol
    this.#memberTap = usageMembers ? createUsageTap(usageMembers, this.#members) : null
    this.#usageTap = stream.usageMembers ? createUsageTap(stream.usageMembers, this.#members) : null
  }

  get begun(): boolean {
    return this.#begun
  }

  push(chunk: Buffer): PushResult {
    return { error: null, progress: true, full: this.#take(chunk) }
  }

  /** Is what came a complete JSON object? Only asked of answers that were held. */
  isComplete(): boolean {
    if (this.#passing) return /\}\s*$/.test(this.#tail.toString('utf8'))
    const { protocol } = this.#exchange
    this.#scan = scanJsonObject(this.#chunks, wantedKeys(protocol))
    if (!this.#scan.complete) return false
    this.refusal = this.#readRefusal()
    return this.refusal === null
  }

  #readRefusal(): Refusal | null {
    const { protocol } = this.#exchange
    // Answers are long and errors are not: only what may be one is read.
    if (!isErrorAnswer((key) => (key === 'error' ? this.#read(key) : this.#readIfShort(key)))) return null
    const body = Buffer.concat(this.#chunks)
    const text = body.toString('utf8')
    return { error: withNamedStatus(protocol.decodeError(200, text), asObject(parseJson(text)) ?? {}), body }
  }

  /**
   * A response that failed is an answer of its dialect, and goes on as one; the provider has not served all the same.
   */
  get endedInError(): boolean {
    return !this.#passing && asObject(this.#read('error')) !== null && this.#read('choices') === undefined
  }

  /** Too late for an error in words: the cut connection is the honest sign. */
  break(): void {
    this.#exchange.response.destroy()
  }

  /** A whole answer has no silence to fill. */
  keepAlive(): void {}

  finish(): void {
    const { response } = this.#exchange
    if (this.#passing) return void response.end()
    this.#writeHead(this.#held)
    const [only] = this.#chunks
    // As text it leaves in one piece with the head; a character a byte.
    if (this.#held <= MOST_COPIED && only?.length === this.#held)
      return void response.end(only.toString('latin1'), 'latin1')
    const last = this.#chunks.length - 1
    for (let index = 0; index < last; index++) response.write(this.#chunks[index])
    response.end(this.#chunks[last])
  }

  readUsage(): ToldUsage {
    const { protocol } = this.#exchange
    if (!this.#passing && !this.#scan) return UNTOLD_USAGE
    const tail = this.#passing ? this.#tail.toString('utf8') : ''
    const inTail = (key: string): string | undefined =>
      findLastMember(tail, key, () => true)?.text ?? findLastText(tail, key)
    const texts = new Map<string, string>()
    const usage = protocol.readUsage((key) => {
      const passed = this.#members.get(key)
      const text = this.#passing ? (passed ?? inTail(key)) : (this.#textOf(key) ?? passed)
      if (text === undefined) return undefined
      texts.set(key, text)
      return parseJson(text)
    })
    return { usage, raw: rawUsageOf(protocol, (key) => texts.get(key)) }
  }

  #read(key: string): unknown {
    const text = this.#textOf(key)
    return text === undefined ? undefined : parseJson(text)
  }

  #textOf(key: string): string | undefined {
    const range = this.#scan?.values.get(key)
    return range && textOfChunks(this.#chunks, range.start, range.end)
  }

  /** Of a long value it is enough that there is one. */
  #readIfShort(key: string): unknown {
    const range = this.#scan?.values.get(key)
    return range && range.end - range.start > SHORT ? true : this.#read(key)
  }

  /** True when the client does not take more now. */
  #take(chunk: Buffer): boolean {
    this.bytes += chunk.length
    this.#watch?.push(chunk)
    this.#memberTap?.push(chunk)
    if (this.#passing) return !this.#pass(chunk)
    this.#chunks.push(chunk)
    this.#held += chunk.length
    if (this.#held <= MOST_HELD) return false
    this.#passing = true
    this.#writeHead(null)
    let ready = true
    for (const held of this.#chunks) ready = this.#pass(held)
    this.#chunks = []
    return !ready
  }

  #pass(chunk: Buffer): boolean {
    this.#usageTap?.push(chunk)
    this.#keepTail(chunk)
    return this.#exchange.response.write(chunk)
  }

  #writeHead(length: number | null): void {
    const { response } = this.#exchange
    setPlanHeaders(this.#exchange)
    setForwardedHeaders(this.#exchange, this.#headers)
    setRelayedType(response, this.#headers['content-type'])
    if (length !== null) response.setHeader('content-length', String(length))
    response.writeHead(this.#status)
    this.#begun = true
  }

  #keepTail(chunk: Buffer): void {
    const joined = chunk.length >= TAIL_BYTES ? chunk : Buffer.concat([this.#tail, chunk])
    this.#tail = Buffer.from(joined.subarray(Math.max(0, joined.length - TAIL_BYTES)))
  }
}

function rawUsageOf({ rawUsageKeys }: Protocol, textOf: (key: string) => string | undefined): string | null {
  const texts = rawUsageKeys.map(textOf)
  return texts.find((text) => text?.startsWith('{')) ?? null
}
