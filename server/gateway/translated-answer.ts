// A provider's answer in one dialect on its way to a client of another: bytes → events of the middle model → the
// client's dialect. One path for all four shapes: what came streamed or whole leaves streamed or whole, as the client
// asked. An answer that breaks off is an error, never an ending made up.
import { estimateTokens } from '../catalog/prices.ts'
import type { Codec, ResponseDecoding, ResponseEncoding, StreamDecoder, StreamEncoder } from '../protocols/codec.ts'
import { createCollector, eventsOf, type Collector } from '../protocols/collect.ts'
import {
  UNKNOWN_USAGE,
  type ChatResponse,
  type Finish,
  type Item,
  type StreamEvent,
  type ToldUsage,
  type Usage,
} from '../protocols/canonical.ts'
import { isErrorAnswer, withNamedStatus } from '../protocols/error-answers.ts'
import type { ErrorView, UpstreamError } from '../protocols/protocol.ts'
import type { JsonArrayFraming } from '../protocols/gemini/json-array.ts'
import { asObject, asText, parseJson, type JsonObject } from '../protocols/read.ts'
import { createCallGuard, guardCalls, type CallGuard } from '../protocols/whole-calls.ts'
import { JSON_TYPE } from '../http/answers.ts'
import { StreamBody } from '../http/stream-body.ts'
import type { SseEvent } from '../kernel/sse.ts'
import { createSseSplitter, EventTooLarge, type SseSplitter } from '../kernel/sse-splitter.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import type { Answer, PushResult, Refusal } from './answer.ts'
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
  /** What an error of the provider's says. */
  readonly decodeError: (status: number, body: string) => UpstreamError
  /** The provider ended with a word nobody knows, or with none; told before the client hears of the end. */
  readonly noteUnknownFinish: (finish: Finish) => void
}

export class TranslatedAnswer implements Answer {
  readonly #options: TranslatedAnswerOptions
  readonly #decoding: ResponseDecoding
  readonly #splitter: SseSplitter
  readonly #decoder: StreamDecoder
  readonly #encoder: StreamEncoder | null
  readonly #collector: Collector = createCollector()
  readonly #guard: CallGuard
  /** null: nothing to wait for. */
  readonly #stop: StopEnforcer | null
  readonly #sign: ReturnType<typeof createThoughtSigner>
  #chunks: Buffer[] = []
  #whole: ChatResponse | null = null
  #held = ''
  #begun = false
  /** Of a streamed answer that has begun. */
  #body: StreamBody | null = null
  #broken: UpstreamError | null = null
  #usage: Usage = UNKNOWN_USAGE
  /** The provider's own, as it came last. */
  #rawUsage: JsonObject | null = null
  /** Length of what the provider said, bytes of its text without what the wire puts around it. */
  #said = 0
  refusal: Refusal | null = null
  usageIsEstimated = false
  bytes = 0

  constructor(options: TranslatedAnswerOptions) {
    this.#options = options
    this.#splitter = createSseSplitter()
    this.#decoding = { ...options.decoding, onUsage: (usage) => (this.#rawUsage = usage ?? this.#rawUsage) }
    this.#decoder = options.upstream.streamDecoder(this.#decoding)
    this.#encoder = options.exchange.streamed ? options.client.streamEncoder(options.encoding) : null
    this.#guard = createCallGuard(options.client)
    this.#stop = options.enforceStop.length > 0 ? createStopEnforcer(options.enforceStop) : null
    this.#sign = createThoughtSigner(options.thinker)
  }

  get begun(): boolean {
    return this.#begun
  }

  push(chunk: Buffer): PushResult {
    this.bytes += chunk.length
    if (!this.#options.streamed) {
      this.#chunks.push(chunk)
      if (this.bytes > LARGEST_WHOLE) this.#breakOff()
      return { error: null, progress: true, full: false, enough: this.#broken !== null }
    }
    let events: StreamEvent[]
    try {
      events = this.#decode(this.#splitter.push(chunk))
    } catch (error) {
      if (!(error instanceof EventTooLarge)) throw error
      this.#breakOff()
      return { error: null, progress: false, full: false, enough: true }
    }
    return this.#take(events)
  }

  /** Nothing the provider said, so no refusal: there is no answer that could be read. */
  #breakOff(): void {
    this.#broken = { signals: ['too_large'], message: 'The answer is too large.', retryAfterMs: null }
    this.#chunks = []
  }

  isComplete(): boolean {
    if (this.#broken) return false
    if (this.#options.streamed) {
      this.#take([...this.#decode(this.#splitter.end()), ...this.#decoder.end()])
      return this.#broken === null && this.#collector.finished && this.#collector.error === null
    }
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = []
    const parsed = parseJson(bytes.toString('utf8'))
    // Google puts errors into a list.
    const body = asObject(Array.isArray(parsed) ? parsed[0] : parsed)
    if (!body) return false
    if (!isErrorAnswer((key) => body[key]) && !Array.isArray(parsed) && this.#readWhole(body)) return true
    if (asObject(body['error']) || asText(body['error'])) this.refusal = this.#readRefusal(body, bytes)
    return false
  }

  #readRefusal(body: JsonObject, bytes: Buffer): Refusal {
    return { error: withNamedStatus(this.#options.decodeError(200, bytes.toString('utf8')), body), body: bytes }
  }

  #readWhole(body: JsonObject): boolean {
    const { upstream, client, thinker, noteUnknownFinish } = this.#options
    const whole = guardCalls(upstream.decodeResponse(body, this.#decoding), client)
    this.#whole = { ...whole, items: signThoughts(whole.items, thinker) }
    this.#usage = whole.usage
    if (whole.finish.unknown) noteUnknownFinish(whole.finish)
    return whole.finish.unified !== 'malformed'
  }

  finish(): void {
    const { onItems } = this.#options
    if (this.#whole && (this.#encoder || this.#options.enforceStop.length > 0)) {
      for (const event of eventsOf(this.#whole)) this.#take([event])
    }
    const collected = this.#collector.response()
    const answer = this.#whole && !this.#collector.finished ? this.#whole : collected
    onItems(answer.items)
    if (this.#encoder) {
      this.#options.noteLosses()
      const { framing } = this.#options
      // Where nothing but announcements came, they are the answer.
      const body = this.#body ?? this.#begin()
      if (this.#held !== '') body.write(framing ? framing.open + framing.wrap(this.#held) : this.#held)
      return body.end(framing?.close)
    }
    this.#sendWhole(this.#whole ? { ...this.#whole, items: answer.items, finish: answer.finish } : answer)
  }

  keepAlive(): void {
    if (!this.#options.framing) this.#body?.write(this.#options.exchange.protocol.stream.keepAlive)
  }

  break(error: ErrorView): void {
    const { exchange, framing } = this.#options
    if (!this.#encoder) return void exchange.response.destroy()
    this.#options.noteLosses()
    const text = this.#encoder.fail(error)
    this.#body?.end(framing ? framing.wrap(text) + framing.close : text)
  }

  readUsage(): ToldUsage {
    const usage = this.#whole ? this.#usage : this.#collector.response().usage
    return { usage, raw: this.#rawUsage && JSON.stringify(this.#rawUsage) }
  }

  get estimatedOutput(): number | null {
    return this.#options.streamed ? estimateTokens(this.#said) : null
  }

  #decode(pieces: readonly SseEvent[]): StreamEvent[] {
    const events: StreamEvent[] = []
    for (const piece of pieces) for (const event of this.#decoder.push(piece)) events.push(event)
    return events
  }

  #take(events: readonly StreamEvent[]): PushResult {
    let text = ''
    let progress = false
    for (const decoded of events) {
      this.#said += lengthOf(decoded)
      // Most events of a stream are pieces of a text that nobody waits to change.
      if (this.#stop === null && isText(decoded) && !this.#guard.isHolding()) {
        this.#collector.push(decoded)
        progress = true
        if (this.#encoder) text += this.#encoder.push(decoded)
        continue
      }
      for (const event of this.#prepare(decoded)) {
        if (event.type === 'error' && !this.#begun) {
          this.#broken = event.error
          // What the provider did not say itself is no refusal: there is no answer that could be read.
          if (event.error.malformed) return { error: null, progress, full: false, enough: true }
          return { error: event.error, progress, full: false }
        }
        if (event.type === 'finish' && event.finish.unified === 'malformed') {
          this.#broken = malformed(event.finish)
          if (!this.#begun) return { error: null, progress, full: false, enough: true }
          break
        }
        if (event.type === 'finish' && event.finish.unknown && !this.#whole) {
          this.#options.noteUnknownFinish(event.finish)
        }
        if (event.type === 'finish' && this.#hasStopped()) text += this.#tellUsage(events)
        this.#collector.push(event)
        if (event.type !== 'ping') progress = true
        if (this.#encoder && event.type !== 'error') text += this.#encoder.push(event)
      }
    }
    const full = this.#encoder ? !this.#send(text) : false
    const enough = this.#hasStopped() || this.#collector.error !== null || this.#broken !== null
    return { error: null, progress, full, enough }
  }

  #prepare(decoded: StreamEvent): StreamEvent[] {
    const signed = this.#guard.push(decoded).flatMap((event) => this.#sign(event))
    const stop = this.#stop
    return stop === null ? signed : signed.flatMap((event) => stop.push(event))
  }

  /** At a stop sequence of ours. */
  #hasStopped(): boolean {
    return this.#stop !== null && this.#stop.met() !== null
  }

  /** At a stop sequence of ours: the provider's count where it has come already, else what it told and an estimate. */
  #tellUsage(events: readonly StreamEvent[]): string {
    const told = events.findLast((event) => event.type === 'usage')?.usage ?? this.#collector.response().usage
    const isCounted = this.#whole !== null || events.some(({ type }) => type === 'finish')
    this.usageIsEstimated = !isCounted
    const usage = this.#whole?.usage ?? (isCounted ? told : this.#estimate(told))
    const event: StreamEvent = { type: 'usage', usage }
    this.#collector.push(event)
    return this.#encoder?.push(event) ?? ''
  }

  /** What was told of the output before its end is a floor. */
  #estimate(told: Usage): Usage {
    const { bodyLength } = this.#options.exchange
    return {
      ...told,
      input: told.input ?? estimateTokens(bodyLength),
      output: Math.max(told.output ?? 0, estimateTokens(this.#said)),
    }
  }

  #send(text: string): boolean {
    const { framing } = this.#options
    if (this.#body) return text === '' || this.#body.write(framing ? framing.wrap(text) : text)
    this.#held += text
    // The status line waits for the first thing that is more than an announcement.
    if (this.#held === '' || !this.#collector.started) return true
    const first = this.#held
    this.#held = ''
    return this.#begin().write(framing ? framing.open + framing.wrap(first) : first)
  }

  #begin(): StreamBody {
    const { exchange, headers, framing } = this.#options
    this.#options.reportLosses()
    setPlanHeaders(exchange)
    setTranslatedHeaders(exchange, headers)
    setStreamHeaders(exchange.response)
    exchange.response.setHeader('content-type', framing?.contentType ?? 'text/event-stream; charset=utf-8')
    this.#begun = true
    return (this.#body = new StreamBody(exchange.response, 200))
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

function isText(event: StreamEvent): boolean {
  return event.type === 'part-delta' && event.delta.kind === 'text'
}

function lengthOf(event: StreamEvent): number {
  return event.type === 'part-delta' && 'text' in event.delta ? Buffer.byteLength(event.delta.text) : 0
}

/** The provider itself says that what it made is no answer. */
function malformed({ raw }: Finish): UpstreamError {
  return { signals: [raw.toLowerCase()], message: 'The answer is malformed.', retryAfterMs: null }
}
