// One request with its answer, as the caller holds it. It outlives the use of its socket by nothing but the decoding of
// what came compressed.
// Invariant: the sink hears of at most one end or failure, and of nothing after it or after an abort.
import { createDecoder, type Decoder } from '../decode-body.ts'
import { UpstreamFailure, type UpstreamCall, type UpstreamRequest, type UpstreamSink } from '../upstream.ts'
import type { ResponseHead } from './response-head.ts'

/** What carries the call at the moment: a connection, or the way to one. */
export interface Carrying {
  abandon(call: Call): void
  pause(): void
  resume(): void
}

export class Call implements UpstreamCall {
  readonly #sink: UpstreamSink
  /** Until it is written. */
  request: UpstreamRequest | null
  head: string
  carriedBy: Carrying | null = null
  isOver = false
  #decoder: Decoder | null = null

  constructor(sink: UpstreamSink, request: UpstreamRequest, head: string) {
    this.#sink = sink
    this.request = request
    this.head = head
  }

  /** It is sent: what was to be sent need not stay in memory for as long as the answer takes. */
  forgetRequest(): void {
    this.request = null
    this.head = ''
  }

  begin({ status, headers }: ResponseHead): void {
    if (this.isOver) return
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity' && encoding !== '') {
      const sink = {
        data: (chunk: Buffer) => this.isOver || this.#sink.data(chunk),
        end: () => this.#finish(),
        failed: (error: Error) => this.#giveUp(new UpstreamFailure('malformed', true, error)),
      }
      const source = { pause: () => this.carriedBy?.pause(), resume: () => this.carriedBy?.resume() }
      this.#decoder = createDecoder(String(encoding), sink, source)
      if (this.#decoder === null) {
        return this.#giveUp(new UpstreamFailure('malformed', true, `content-encoding ${String(encoding)}`))
      }
    }
    this.#sink.head(status, headers)
  }

  push(chunk: Buffer): void {
    if (this.isOver) return
    if (this.#decoder) this.#decoder.write(chunk)
    else this.#sink.data(chunk)
  }

  /** The whole answer came; the connection is another's from now on. */
  complete(): void {
    this.carriedBy = null
    if (this.isOver) return
    if (this.#decoder) this.#decoder.end()
    else this.#finish()
  }

  fail(failure: UpstreamFailure): void {
    this.carriedBy = null
    this.forgetRequest()
    if (this.isOver) return
    this.isOver = true
    this.#decoder?.destroy()
    this.#sink.failed(failure)
  }

  abort(): void {
    if (this.isOver) return
    this.isOver = true
    this.#letGo()
  }

  pause(): void {
    if (this.#decoder) this.#decoder.pause()
    else this.carriedBy?.pause()
  }

  resume(): void {
    if (this.#decoder) this.#decoder.resume()
    else this.carriedBy?.resume()
  }

  /** The answer is of no use: no more of it is read. */
  #giveUp(failure: UpstreamFailure): void {
    if (this.isOver) return
    this.isOver = true
    this.#letGo()
    this.#sink.failed(failure)
  }

  #letGo(): void {
    const carrying = this.carriedBy
    this.carriedBy = null
    this.forgetRequest()
    this.#decoder?.destroy()
    carrying?.abandon(this)
  }

  #finish(): void {
    if (this.isOver) return
    this.isOver = true
    this.#sink.end()
  }
}
