// A streamed answer on its way through. Nothing reaches the client before the first real event; after it, bytes go on
// as they come, one write per read, with back-pressure; silence is filled with keep-alives between events; an end
// without the dialect's ending is an error event, never a fabricated one.
import { findFirstEvent, parseSseEvent, SseTap } from '../kernel/sse.ts'
import { StreamBody } from '../http/stream-body.ts'
import type { ErrorView } from '../protocols/protocol.ts'
import type { Answer, PushResult } from './answer.ts'
import { createArrayGuard, type ArrayGuard } from './array-guard.ts'
import { createStreamGuard, type CredentialScan, type StreamGuard } from './credential-scan.ts'
import { createUsageChunkFilter, type UsageChunkFilter } from './usage-chunk-filter.ts'
import type { ToldUsage } from '../protocols/canonical.ts'
import { setForwardedHeaders, setPlanHeaders, setStreamHeaders } from './answer-headers.ts'
import type { Exchange } from './exchange.ts'
import { setRelayedType } from './relay-bytes.ts'
import { createUsageTap, type StateTap } from './state-tap.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'

/** Held before the first event at most; a first event longer than this is one that goes on as it is. */
const MOST_HELD = 1024 * 1024

export class StreamRelay implements Answer {
  readonly #exchange: Exchange
  readonly #status: number
  readonly #headers: UpstreamHeaders
  readonly #filter: UsageChunkFilter | null
  readonly #watch: StateTap | null
  readonly #tap: SseTap
  readonly #usageMembers = new Map<string, string>()
  readonly #usageTap: StateTap | null
  /** Server-sent events; a JSON array otherwise (Gemini without alt=sse). */
  readonly #framed: boolean
  readonly #array: ArrayGuard | null
  readonly #guard: StreamGuard | null
  /** The provider's error event repeats the key: it is not passed on, and the answer ends in ours. */
  #leaked = false
  #held: Buffer[] = []
  #heldBytes = 0
  #firstEvent = ''
  /** Absent before the first event. */
  #body: StreamBody | null = null
  bytes = 0

  constructor(
    exchange: Exchange,
    answer: {
      status: number
      headers: UpstreamHeaders
      framed: boolean
      usageInjected: boolean
      scan: CredentialScan
      watch?: StateTap | null
    },
  ) {
    this.#exchange = exchange
    this.#tap = new SseTap(exchange.protocol.stream.marks)
    this.#status = answer.status
    this.#headers = answer.headers
    this.#watch = answer.watch ?? null
    const { usageMembers } = exchange.protocol.stream
    this.#usageTap = usageMembers ? createUsageTap(usageMembers, this.#usageMembers) : null
    this.#framed = answer.framed
    this.#guard = answer.framed ? createStreamGuard(answer.scan, exchange.protocol.stream) : null
    this.#array = answer.framed ? null : createArrayGuard(answer.scan, exchange.protocol.stream)
    this.#filter = answer.usageInjected ? createUsageChunkFilter() : null
  }

  get begun(): boolean {
    return this.#body !== null
  }

  push(chunk: Buffer): PushResult {
    this.bytes += chunk.length
    this.#watch?.push(chunk)
    this.#usageTap?.push(chunk)
    const progress = this.#tap.push(chunk)
    if (this.#array) return this.#pushArray(this.#array, chunk)
    if (this.#body) return { error: null, progress, full: !this.#forward(chunk), enough: this.#leaked }
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    // Without a line end no event can have become complete.
    const mayEnd = chunk.includes(0x0a) || chunk.includes(0x0d)
    if (!mayEnd && this.#heldBytes < MOST_HELD) return { error: null, progress, full: false }
    const bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held)
    const first = findFirstEvent(bytes)
    if (first === null && this.#heldBytes < MOST_HELD) return { error: null, progress, full: false }
    this.#firstEvent = first?.text ?? ''
    const error = first ? this.#exchange.protocol.stream.readError(parseSseEvent(first.text)) : null
    if (error) return { error, progress, full: false }
    this.#begin()
    return { error: null, progress: true, full: !this.#forward(bytes), enough: this.#leaked }
  }

  keepAlive(): void {
    if (this.#body && this.#framed && this.#tap.atBoundary) {
      this.#body.write(this.#exchange.protocol.stream.keepAlive)
    }
  }

  isComplete(): boolean {
    if (!this.#body || this.#leaked) return false
    if (this.#array) return this.#array.closed
    const { lastEventHead, tail, marked } = this.#tap
    return this.#exchange.protocol.stream.isComplete({ lastEventHead, tail, marked })
  }

  finish(): void {
    const rest = this.#array ? this.#array.flush() : this.#guard?.flush().bytes
    if (rest) this.#write(rest)
    for (const part of this.#filter?.flush() ?? []) this.#body?.write(part)
    this.#body?.end()
  }

  break(error: ErrorView): void {
    const { protocol } = this.#exchange
    const seen = { firstEvent: this.#firstEvent, tail: this.#tap.tail }
    const errorEvent = protocol.stream.encodeError(error, seen)
    if (!this.#framed) return this.#body?.end(`,\n${errorEvent.replace(/^data: /, '').trim()}\n]`)
    // An event cut in the middle is closed by its blank line, so that the error is an event of its own.
    this.#body?.end(this.#tap.atBoundary ? errorEvent : `\n\n${errorEvent}`)
  }

  get endedInError(): boolean {
    return this.#array?.endedInError ?? this.#exchange.protocol.stream.isError(this.#tap.lastEventHead)
  }

  readUsage(): ToldUsage {
    const tail = this.#filter?.usageEvent || this.#tap.tail
    return this.#exchange.protocol.stream.readUsage(this.#firstEvent, tail, this.#usageMembers)
  }

  #pushArray(array: ArrayGuard, chunk: Buffer): PushResult {
    const { bytes, leak, progress } = array.push(chunk)
    this.#leaked = leak
    if (!this.#body && array.firstError) return { error: array.firstError, progress, full: false }
    if (bytes === null) return { error: null, progress, full: false, enough: leak }
    if (!this.#body) this.#begin()
    return { error: null, progress, full: !this.#write(bytes), enough: leak }
  }

  #begin(): void {
    const { response } = this.#exchange
    setPlanHeaders(this.#exchange)
    setForwardedHeaders(this.#exchange, this.#headers)
    if (this.#framed) setStreamHeaders(response)
    setRelayedType(response, this.#headers['content-type'])
    this.#body = new StreamBody(response, this.#status)
    this.#held = []
  }

  #forward(chunk: Buffer): boolean {
    if (!this.#guard) return this.#write(chunk)
    const { bytes, leak } = this.#guard.push(chunk)
    this.#leaked = leak
    return bytes === null || this.#write(bytes)
  }

  #write(bytes: Buffer): boolean {
    const body = this.#body!
    if (!this.#filter) return body.write(bytes)
    let ready = true
    for (const part of this.#filter.push(bytes)) ready = body.write(part)
    return ready
  }
}
