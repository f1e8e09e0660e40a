// A provider's answer in one dialect on its way to a client of another: bytes → events of the middle model → the
// client's dialect. One path for all four shapes: what came streamed or whole leaves streamed or whole, as the client
// asked. An answer that breaks off is an error, never an ending made up.
import type { Codec, ResponseDecoding, ResponseEncoding, StreamDecoder, StreamEncoder } from '../protocols/codec.ts'
import { createCollector, eventsOf, type Collector } from '../protocols/collect.ts'
import { UNKNOWN_USAGE, type ChatResponse, type Item, type StreamEvent, type Usage } from '../protocols/canonical.ts'
import type { ErrorView, UpstreamError } from '../protocols/protocol.ts'
import type { JsonArrayFraming } from '../protocols/gemini/json-array.ts'
import { asObject, parseJson } from '../protocols/read.ts'
import { JSON_TYPE } from '../http/answers.ts'
import { createSseSplitter, EventTooLarge, type SseSplitter } from '../kernel/sse-splitter.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import type { Answer, PushResult } from './answer.ts'
import { setPlanHeaders, setStreamHeaders, setTranslatedHeaders } from './answer-headers.ts'
import type { Exchange } from './exchange.ts'
import { createThoughtSigner, signThoughts, type Thinker } from './thoughts.ts'
import { createStopEnforcer, type StopEnforcer } from './stop-sequences.ts'

/** A whole answer larger than this is not translated. */
const LARGEST_WHOLE = 64 * 1024 * 1024

export interface TranslatedAnswerOptions {
  readonly exchange: Exchange
  readonly upstream: Codec
  readonly client: Codec
  readonly decoding: ResponseDecoding
  readonly encoding: ResponseEncoding
  readonly headers: UpstreamHeaders
  /** The provider streams. */
  readonly streamed: boolean
  readonly enforceStop: readonly string[]
  /** Whose unsigned thoughts get an envelope, for clients that want every thought signed. */
  readonly thinker: Thinker
  /** Puts the client's stream into a JSON array, where its framing is not SSE. */
  readonly framing: JsonArrayFraming | null
  /** Told the answer's items when it is whole, to keep reasoning state. */
  readonly onItems: (items: readonly Item[]) => void
  /** Tells what got lost so far, before anything is sent; throws where the client wants nothing lost. */
  readonly reportLosses: () => void
  /** The same once the client has seen the head: for the receipt alone. */
  readonly noteLosses: () => void
}

export class TranslatedAnswer implements Answer {
  readonly #options: TranslatedAnswerOptions
  readonly #splitter: SseSplitter
  readonly #decoder: StreamDecoder
  readonly #encoder: StreamEncoder | null
  readonly #collector: Collector = createCollector()
  readonly #stop: StopEnforcer
  readonly #sign: ReturnType<typeof createThoughtSigner>
  #chunks: Buffer[] = []
  #whole: ChatResponse | null = null
  #held = ''
  #begun = false
  #broken: UpstreamError | null = null
  #usage: Usage = UNKNOWN_USAGE
  bytes = 0

  constructor(options: TranslatedAnswerOptions) {
    this.#options = options
    this.#splitter = createSseSplitter()
    this.#decoder = options.upstream.streamDecoder(options.decoding)
    this.#encoder = options.exchange.streamed ? options.client.streamEncoder(options.encoding) : null
    this.#stop = createStopEnforcer(options.enforceStop)
    this.#sign = createThoughtSigner(options.thinker)
  }

  get begun(): boolean {
    return this.#begun
  }

  push(chunk: Buffer): PushResult {
    this.bytes += chunk.length
    if (!this.#options.streamed) {
      this.#chunks.push(chunk)
      if (this.bytes > LARGEST_WHOLE) this.#broken = tooLarge()
      return { error: this.#broken, progress: true, full: false }
    }
    let events: StreamEvent[]
    try {
      events = this.#splitter.push(chunk).flatMap((event) => this.#decoder.push(event))
    } catch (error) {
      if (!(error instanceof EventTooLarge)) throw error
      this.#broken = tooLarge()
      return { error: this.#begun ? null : this.#broken, progress: false, full: false, enough: this.#begun }
    }
    return this.#take(events)
  }

  isComplete(): boolean {
    if (this.#options.streamed) {
      this.#take([...this.#splitter.end().flatMap((event) => this.#decoder.push(event)), ...this.#decoder.end()])
      if (!this.#collector.finished || this.#collector.error !== null) return false
      // A call the provider itself calls malformed is no answer; once the client reads along, its encoder has said so.
      return this.#begun || this.#collector.response().finish.unified !== 'malformed'
    }
    const body = asObject(parseJson(Buffer.concat(this.#chunks).toString('utf8')))
    this.#chunks = []
    if (!body || this.#broken) return false
    const whole = this.#options.upstream.decodeResponse(body, this.#options.decoding)
    this.#whole = { ...whole, items: signThoughts(whole.items, this.#options.thinker) }
    this.#usage = this.#whole.usage
    return this.#whole.finish.unified !== 'malformed'
  }

  finish(): void {
    const { exchange, onItems } = this.#options
    if (this.#whole && (this.#encoder || this.#options.enforceStop.length > 0)) {
      for (const event of eventsOf(this.#whole)) this.#take([event])
    }
    const collected = this.#collector.response()
    const answer = this.#whole && !this.#collector.finished ? this.#whole : collected
    onItems(answer.items)
    if (this.#encoder) {
      this.#options.noteLosses()
      return void exchange.response.end(this.#options.framing?.close ?? '')
    }
    this.#sendWhole(this.#whole ? { ...this.#whole, items: answer.items, finish: answer.finish } : answer)
  }

  keepAlive(): void {
    if (this.#begun && this.#encoder && !this.#options.framing) {
      this.#options.exchange.response.write(this.#options.exchange.protocol.stream.keepAlive)
    }
  }

  break(error: ErrorView): void {
    const { exchange, framing } = this.#options
    if (!this.#encoder) return void exchange.response.destroy()
    this.#options.noteLosses()
    const text = this.#encoder.fail(error)
    exchange.response.end(framing ? framing.wrap(text) + framing.close : text)
  }

  readUsage(): Usage {
    return this.#whole ? this.#usage : this.#collector.response().usage
  }

  #take(events: readonly StreamEvent[]): PushResult {
    let text = ''
    let progress = false
    for (const decoded of events) {
      for (const event of this.#sign(decoded).flatMap((signed) => this.#stop.push(signed))) {
        if (event.type === 'error' && !this.#begun) {
          this.#broken = event.error
          return { error: event.error, progress, full: false }
        }
        this.#collector.push(event)
        if (event.type !== 'ping') progress = true
        if (this.#encoder && event.type !== 'error') text += this.#encoder.push(event)
      }
    }
    if (this.#stop.met !== null) this.#collectUsage(events)
    const full = this.#encoder ? !this.#send(text) : false
    return { error: null, progress, full, enough: this.#stop.met !== null || this.#collector.error !== null }
  }

  /** After a stop sequence nothing passes the enforcer, but what the provider says of usage still counts. */
  #collectUsage(events: readonly StreamEvent[]): void {
    for (const event of events) if (event.type === 'usage') this.#collector.push(event)
  }

  #send(text: string): boolean {
    const { exchange, framing } = this.#options
    if (!this.#begun) {
      this.#held += text
      // The status line waits for the first thing that is more than an announcement.
      if (this.#held === '' || !this.#collector.started) return true
      this.#begin()
      const first = this.#held
      this.#held = ''
      return exchange.response.write(framing ? framing.open + framing.wrap(first) : first)
    }
    return text === '' || exchange.response.write(framing ? framing.wrap(text) : text)
  }

  #begin(): void {
    const { exchange, headers, framing } = this.#options
    this.#options.reportLosses()
    setPlanHeaders(exchange)
    setTranslatedHeaders(exchange, headers)
    setStreamHeaders(exchange.response)
    exchange.response.setHeader('content-type', framing?.contentType ?? 'text/event-stream; charset=utf-8')
    exchange.response.writeHead(200)
    this.#begun = true
  }

  #sendWhole(answer: ChatResponse): void {
    const { exchange, client, encoding, headers } = this.#options
    const body = Buffer.from(JSON.stringify(client.encodeResponse(answer, encoding)))
    this.#options.reportLosses()
    setPlanHeaders(exchange)
    setTranslatedHeaders(exchange, headers)
    exchange.response.setHeader('content-type', JSON_TYPE)
    exchange.response.setHeader('content-length', String(body.length))
    exchange.response.writeHead(200)
    this.#begun = true
    exchange.response.end(body)
  }
}

function tooLarge(): UpstreamError & { status: number } {
  return { status: 502, signals: ['too_large'], message: 'The answer is too large.', retryAfterMs: null }
}
