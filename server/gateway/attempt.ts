// One try with one credential: an intent in the ledger, the key opened, the call made, the answer relayed or judged.
// Invariants: the intent is durable before the socket opens and is settled exactly once, whatever happens; before the
// first byte to the client a failure is only reported, so the walk can go on; after it, it ends the answer honestly.
import { GatewayError } from '../kernel/errors.ts'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import type { Clock } from '../kernel/clock.ts'
import { UNKNOWN_USAGE, type Usage } from '../protocols/canonical.ts'
import type { UpstreamError } from '../protocols/protocol.ts'
import { statusOfSignals } from '../providers/provider.ts'
import type { Upstream, UpstreamCall, UpstreamFailure, UpstreamHeaders, UpstreamSink } from '../upstream/upstream.ts'
import { readUpstreamRequestId } from './answer-headers.ts'
import type { Exchange, Target } from './exchange.ts'
import { buildRelayedRequest } from './relay.ts'
import { StreamRelay } from './relay-stream.ts'
import { WholeRelay } from './relay-whole.ts'
import { buildUpstreamHeaders, buildUpstreamPath } from './upstream-request.ts'
import type { Timers, Watch, Watched } from './watch.ts'

export interface AttemptTools {
  readonly upstream: Upstream
  readonly watch: Watch
  readonly timers: Timers
  readonly clock: Clock
}

/** How a call ended, for the walk and for the ledger. */
export type AttemptEnd =
  /** The whole answer went to the client. */
  | { readonly kind: 'served' }
  /** It broke after the client had seen its beginning. */
  | { readonly kind: 'broken'; readonly error: GatewayError }
  | { readonly kind: 'client-closed' }
  /** The provider refused before anything was sent. */
  | { readonly kind: 'refused'; readonly error: UpstreamError; readonly body: Buffer | null }
  /** No answer, or none that can be read. `sent`: the provider may have run it. */
  | { readonly kind: 'failed'; readonly why: 'connect' | 'reset' | 'timeout' | 'malformed'; readonly sent: boolean }

export interface AttemptResult {
  readonly end: AttemptEnd
  /** Of the provider; null where it sent none. An error event that opens a stream counts with the status it stands for. */
  readonly status: number | null
  readonly headers: UpstreamHeaders
  readonly usage: Usage
  readonly upstreamRequestId: string | null
  readonly bytes: number
  readonly firstByteMs: number | null
  readonly durationMs: number
}

const MOST_ERROR_BYTES = 1024 * 1024

/** Makes the call; resolves exactly once. Never rejects: every way it can end is an AttemptEnd. */
export function runAttempt(
  tools: AttemptTools,
  exchange: Exchange,
  target: Target,
  credential: Secret | null,
): Promise<AttemptResult> {
  return new Promise((resolve) => new Attempt(tools, exchange, target, credential, resolve).start())
}

class Attempt implements UpstreamSink, Watched {
  readonly #tools: AttemptTools
  readonly #exchange: Exchange
  readonly #target: Target
  readonly #credential: Secret | null
  readonly #resolve: (result: AttemptResult) => void
  readonly #startedAt: number
  #call: UpstreamCall | null = null
  #usageInjected = false
  #status: number | null = null
  #headers: UpstreamHeaders = {}
  #stream: StreamRelay | null = null
  #whole: WholeRelay | null = null
  #errorBody: Buffer[] | null = null
  #errorBytes = 0
  #firstByteAt: number | null = null
  #lastProgressAt: number
  #lastWriteAt: number
  #pausedAt: number | null = null
  #over = false
  readonly #onClose = (): void => this.#clientGone()
  readonly #onDrain = (): void => this.#clientReady()

  constructor(
    tools: AttemptTools,
    exchange: Exchange,
    target: Target,
    credential: Secret | null,
    resolve: (result: AttemptResult) => void,
  ) {
    this.#tools = tools
    this.#exchange = exchange
    this.#target = target
    this.#credential = credential
    this.#resolve = resolve
    this.#startedAt = tools.clock.monotonic()
    this.#lastProgressAt = this.#startedAt
    this.#lastWriteAt = this.#startedAt
  }

  start(): void {
    const { response } = this.#exchange
    if (response.destroyed) return this.#finish({ kind: 'client-closed' })
    const { body, usageInjected } = buildRelayedRequest(this.#exchange, this.#target)
    this.#usageInjected = usageInjected
    response.on('close', this.#onClose)
    response.on('drain', this.#onDrain)
    this.#tools.watch.add(this)
    const text = this.#credential === null ? null : revealSecret(this.#credential)
    this.#call = this.#tools.upstream.send(
      {
        origin: this.#target.provider.origin,
        guarded: this.#target.key?.baseUrl != null,
        method: 'POST',
        path: buildUpstreamPath(this.#exchange, this.#target),
        headers: buildUpstreamHeaders(this.#exchange, this.#target, text),
        body,
      },
      this,
    )
  }

  head(status: number, headers: UpstreamHeaders): void {
    this.#status = status
    this.#headers = headers
    this.#progress()
    // A redirect is never followed, since the key would travel with it: like any refusal, it is judged by its status.
    if (status < 200 || status >= 300) {
      this.#errorBody = []
      return
    }
    const type = String(headers['content-type'] ?? '')
    if (/^text\/event-stream\b/i.test(type)) this.#stream = this.#createStream(true)
    else if (!/\bjson\b/i.test(type)) this.#fail('malformed')
    else if (this.#exchange.operation.streaming === 'always') this.#stream = this.#createStream(false)
    else this.#whole = new WholeRelay(this.#exchange, { status, headers })
  }

  data(chunk: Buffer): void {
    if (this.#over) return
    if (this.#stream) return this.#streamed(this.#stream, chunk)
    this.#progress()
    if (this.#whole) {
      this.#markFirstByte()
      if (this.#whole.push(chunk)) this.#hold()
      return
    }
    this.#errorBytes += chunk.length
    if (this.#errorBytes <= MOST_ERROR_BYTES) return void this.#errorBody?.push(chunk)
    // No vendor says so much in an error: its status has to do.
    this.#call?.abort()
    this.#refused(null)
  }

  end(): void {
    if (this.#over) return
    const relay = this.#stream ?? this.#whole
    if (relay) {
      const complete = (this.#stream === null || this.#stream.begun) && relay.isComplete()
      if (!complete) return this.#fail('malformed')
      relay.finish()
      return this.#finish({ kind: 'served' })
    }
    this.#refused(Buffer.concat(this.#errorBody ?? []))
  }

  failed(failure: UpstreamFailure): void {
    const why = failure.kind === 'refused-address' || failure.kind === 'connect' ? 'connect' : failure.kind
    this.#fail(why, failure.sent)
  }

  checkTime(now: number): void {
    const { timers } = this.#tools
    if (this.#pausedAt !== null) {
      if (now - this.#pausedAt > timers.slowClient) this.#exchange.response.destroy()
      return
    }
    if (now - this.#startedAt > timers.wholeCall || now - this.#lastProgressAt > this.#silenceLimit()) {
      return this.#fail('timeout')
    }
    if (this.#stream?.begun && now - this.#lastWriteAt >= timers.keepAlive) {
      this.#lastWriteAt = now
      this.#stream.keepAlive()
    }
  }

  #refused(body: Buffer | null): void {
    const error = this.#exchange.protocol.decodeError(this.#status ?? 0, body?.toString('utf8') ?? '')
    this.#finish({ kind: 'refused', error, body: body !== null && this.#isClean(body) ? body : null })
  }

  #createStream(framed: boolean): StreamRelay {
    return new StreamRelay(this.#exchange, {
      status: this.#status ?? 200,
      headers: this.#headers,
      framed,
      usageInjected: this.#usageInjected,
    })
  }

  #streamed(stream: StreamRelay, chunk: Buffer): void {
    const { error, progress, full } = stream.push(chunk)
    if (error) {
      this.#status = statusOfSignals(error)
      this.#call?.abort()
      return this.#finish({ kind: 'refused', error, body: null })
    }
    if (progress) {
      this.#markFirstByte()
      this.#progress()
    }
    if (stream.begun) this.#lastWriteAt = this.#tools.clock.monotonic()
    if (full) this.#hold()
  }

  #silenceLimit(): number {
    const { timers } = this.#tools
    if (!this.#exchange.streamed) return timers.firstByte
    return timers.streamSilence ?? this.#target.provider.streamSilenceMs
  }

  #progress(): void {
    this.#lastProgressAt = this.#tools.clock.monotonic()
  }

  #markFirstByte(): void {
    this.#firstByteAt ??= this.#tools.clock.monotonic()
  }

  #hold(): void {
    if (this.#pausedAt !== null) return
    this.#pausedAt = this.#tools.clock.monotonic()
    this.#call?.pause()
  }

  #clientReady(): void {
    if (this.#pausedAt === null) return
    this.#pausedAt = null
    this.#progress()
    this.#call?.resume()
  }

  #clientGone(): void {
    if (this.#over || this.#exchange.response.writableFinished) return
    this.#call?.abort()
    this.#finish({ kind: 'client-closed' })
  }

  #fail(why: 'connect' | 'reset' | 'timeout' | 'malformed', sent = true): void {
    if (this.#over) return
    this.#call?.abort()
    const relay = this.#stream ?? this.#whole
    if (!relay?.begun) return this.#finish({ kind: 'failed', why, sent })
    const error = brokenAnswer(this.#target.provider.name, why)
    const view = {
      ...error,
      message: error.publicMessage,
      requestId: `req_${this.#exchange.id}`,
      retryAfter: undefined,
    }
    if (this.#stream) this.#stream.break(this.#exchange.protocol.stream.encodeError(view))
    // A whole answer of known length cannot carry an error any more: the cut connection is the honest sign.
    else this.#exchange.response.destroy()
    this.#finish({ kind: 'broken', error })
  }

  // The provider's own words go on only where they do not repeat the key.
  #isClean(body: Buffer): boolean {
    return this.#credential === null || !body.includes(revealSecret(this.#credential))
  }

  #finish(end: AttemptEnd): void {
    if (this.#over) return
    this.#over = true
    this.#tools.watch.remove(this)
    this.#exchange.response.off('close', this.#onClose)
    this.#exchange.response.off('drain', this.#onDrain)
    const relay = this.#stream ?? this.#whole
    const now = this.#tools.clock.monotonic()
    this.#resolve({
      end,
      status: this.#status,
      headers: this.#headers,
      usage: relay?.begun ? relay.readUsage() : UNKNOWN_USAGE,
      upstreamRequestId: readUpstreamRequestId(this.#headers),
      bytes: relay?.bytes ?? 0,
      firstByteMs: this.#firstByteAt === null ? null : Math.round(this.#firstByteAt - this.#startedAt),
      durationMs: Math.round(now - this.#startedAt),
    })
  }
}

function brokenAnswer(provider: string, why: 'connect' | 'reset' | 'timeout' | 'malformed'): GatewayError {
  if (why === 'timeout') {
    return new GatewayError('timeout', { message: `${provider} stopped sending in the middle of the answer.` })
  }
  return new GatewayError('upstream_error', { message: `${provider} broke off in the middle of the answer.` })
}
