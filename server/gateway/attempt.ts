// One try with one credential: an intent in the ledger, the key opened, the call made, the answer relayed or judged.
// Invariants: the intent is durable before the socket opens and is settled exactly once, whatever happens; before the
// first byte to the client a failure is only reported, so the walk can go on; after it, it ends the answer honestly.
import { GatewayError } from '../kernel/errors.ts'
import { toPublicId } from '../kernel/ids.ts'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import type { Clock } from '../kernel/clock.ts'
import { UNTOLD_USAGE, type Usage } from '../protocols/canonical.ts'
import type { UpstreamError } from '../protocols/protocol.ts'
import { statusOfSignals } from '../providers/provider.ts'
import type { Upstream, UpstreamCall, UpstreamFailure, UpstreamHeaders, UpstreamSink } from '../upstream/upstream.ts'
import { readUpstreamRequestId } from './answer-headers.ts'
import type { Exchange, Target } from './exchange.ts'
import type { Answer } from './answer.ts'
import type { Carrier } from './carrier.ts'
import { createCredentialScan, type CredentialScan } from './credential-scan.ts'
import type { Timers, Watch, Watched } from './watch.ts'

export interface AttemptTools {
  readonly upstream: Upstream
  readonly watch: Watch
  readonly timers: Timers
  /** Silence allowed in a stream of this target, milliseconds: models that think take longer. */
  readonly streamSilence: (target: Target) => number
  readonly clock: Clock
}

/** How a call ended, for the walk and for the ledger. */
export type AttemptEnd =
  /** The whole answer went to the client. */
  | { readonly kind: 'served' }
  /** It broke after the client had seen its beginning. */
  | { readonly kind: 'broken'; readonly error: GatewayError }
  /** `sent`: the provider may have run it. */
  | { readonly kind: 'client-closed'; readonly sent: boolean }
  /** The provider refused before anything was sent. */
  | {
      readonly kind: 'refused'
      readonly error: UpstreamError
      /** As it wrote it; null where it cannot be relayed. */
      readonly body: Buffer | null
      /** Its own sentence, looked through for the key; null where there is none to pass on. */
      readonly words: string | null
    }
  /** No answer, or none that can be read. `sent`: the provider may have run it. */
  /** A fault of ours while carrying the answer. */
  | { readonly kind: 'crashed'; readonly error: unknown }
  | { readonly kind: 'failed'; readonly why: 'connect' | 'reset' | 'timeout' | 'malformed'; readonly sent: boolean }

export interface AttemptResult {
  readonly end: AttemptEnd
  /**
   * Of the provider; null where it sent none. An error event that opens a stream counts with the status it stands for.
   */
  readonly status: number | null
  readonly headers: UpstreamHeaders
  readonly usage: Usage
  /** The provider's own usage object, as it wrote it; null where it told none, or one that is not to be kept. */
  readonly rawUsage: string | null
  /** Some of `usage` is an estimate already. */
  readonly estimated: boolean
  /** Estimated tokens of what was said; null where only `bytes` are known. */
  readonly estimatedOutput: number | null
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
  carrier: Carrier,
  credential: Secret | null,
): Promise<AttemptResult> {
  return new Promise((resolve) => new Attempt(tools, exchange, target, carrier, credential, resolve).start())
}

class Attempt implements UpstreamSink, Watched {
  readonly #tools: AttemptTools
  readonly #exchange: Exchange
  readonly #target: Target
  readonly #carrier: Carrier
  readonly #credential: Secret | null
  readonly #scan: CredentialScan
  readonly #resolve: (result: AttemptResult) => void
  readonly #startedAt: number
  #call: UpstreamCall | null = null
  #status: number | null = null
  #headers: UpstreamHeaders = {}
  #answer: Answer | null = null
  #errorBody: Buffer[] | null = null
  #errorBytes = 0
  #firstByteAt: number | null = null
  #lastProgressAt: number
  #lastWriteAt: number
  #pausedAt: number | null = null
  #watchPlace: number | null = null
  #over = false
  readonly #onClose = (): void => this.#clientGone()
  readonly #onDrain = (): void => this.#clientReady()

  constructor(
    tools: AttemptTools,
    exchange: Exchange,
    target: Target,
    carrier: Carrier,
    credential: Secret | null,
    resolve: (result: AttemptResult) => void,
  ) {
    this.#tools = tools
    this.#exchange = exchange
    this.#target = target
    this.#carrier = carrier
    this.#credential = credential
    this.#scan = createCredentialScan(credential, target.provider.keyPrefixes)
    this.#resolve = resolve
    this.#startedAt = tools.clock.monotonic()
    this.#lastProgressAt = this.#startedAt
    this.#lastWriteAt = this.#startedAt
  }

  start(): void {
    const { response } = this.#exchange
    if (response.destroyed) return this.#finish({ kind: 'client-closed', sent: false })
    // Not assigned as it is written: V8 puts a function that stands to the right of a property into old space, as if
    // for good, and all that it holds with it.
    const cut = (error: GatewayError): boolean => {
      if (this.#over) return false
      this.#guard(() => this.#cut(error))
      return true
    }
    this.#exchange.cut = cut
    response.on('close', this.#onClose)
    response.on('drain', this.#onDrain)
    this.#watchPlace = this.#tools.watch.add(this)
    this.#guard(() => (this.#call = this.#send()))
  }

  #send(): UpstreamCall {
    const text = this.#credential === null ? null : revealSecret(this.#credential)
    const { provider, key } = this.#target
    return this.#tools.upstream.send(
      {
        origin: provider.origin,
        guarded: key?.baseUrl != null,
        method: this.#carrier.method ?? 'POST',
        path: this.#carrier.path,
        headers: this.#carrier.buildHeaders(text),
        body: this.#carrier.body,
      },
      this,
    )
  }

  head(status: number, headers: UpstreamHeaders): void {
    this.#guard(() => this.#head(status, headers))
  }

  data(chunk: Buffer): void {
    this.#guard(() => this.#data(chunk))
  }

  end(): void {
    this.#guard(() => this.#end())
  }

  failed(failure: UpstreamFailure): void {
    const why = failure.kind === 'refused-address' || failure.kind === 'connect' ? 'connect' : failure.kind
    this.#guard(() => this.#fail(why, failure.sent))
  }

  checkTime(now: number): void {
    this.#guard(() => this.#checkTime(now))
  }

  // A throw in a callback of the socket would be lost and the request with it: it ends the try instead.
  #guard(step: () => unknown): void {
    try {
      step()
    } catch (error) {
      this.#call?.abort()
      this.#finish({ kind: 'crashed', error })
    }
  }

  #head(status: number, headers: UpstreamHeaders): void {
    this.#status = status
    this.#headers = this.#withoutKey(headers)
    this.#progress()
    // A redirect is never followed, since the key would travel with it: like any refusal, it is judged by its status.
    if (status < 200 || status >= 300) {
      this.#errorBody = []
      return
    }
    this.#answer = this.#carrier.createAnswer(status, this.#headers, this.#scan)
    if (!this.#answer) this.#fail('malformed')
  }

  #data(chunk: Buffer): void {
    if (this.#over) return
    if (this.#answer) return this.#push(this.#answer, chunk)
    this.#progress()
    this.#errorBytes += chunk.length
    if (this.#errorBytes <= MOST_ERROR_BYTES) return void this.#errorBody?.push(chunk)
    // No vendor says so much in an error: its status has to do.
    this.#call?.abort()
    this.#refused(null)
  }

  #end(): void {
    if (this.#over) return
    if (!this.#answer) return this.#refused(Buffer.concat(this.#errorBody ?? []))
    if (!this.#answer.isComplete()) {
      const { refusal } = this.#answer
      return refusal ? this.#refuseInside(refusal.error, refusal.body) : this.#fail('malformed')
    }
    this.#answer.finish()
    if (!this.#answer.endedInError) return this.#finish({ kind: 'served' })
    const { name } = this.#target.provider
    const message = `${name} ended the answer with an error.`
    this.#finish({ kind: 'broken', error: new GatewayError('upstream_error', { message }) })
  }

  #checkTime(now: number): void {
    const { timers } = this.#tools
    if (this.#pausedAt !== null) {
      if (now - this.#pausedAt > timers.slowClient) this.#exchange.response.destroy()
      return
    }
    if (now - this.#startedAt > timers.wholeCall || now - this.#lastProgressAt > this.#silenceLimit()) {
      return this.#fail('timeout')
    }
    if (this.#answer?.begun && now - this.#lastWriteAt >= timers.keepAlive) {
      this.#lastWriteAt = now
      this.#answer.keepAlive()
    }
  }

  #refused(body: Buffer | null): void {
    const error = this.#carrier.decodeError(this.#status ?? 0, body?.toString('utf8') ?? '')
    this.#finishRefused(error, body)
  }

  /** An error that came with a good status counts with the one it stands for. */
  #refuseInside(error: UpstreamError, body: Buffer | null): void {
    this.#status = statusOfSignals(error)
    this.#call?.abort()
    this.#finishRefused(error, body)
  }

  #finishRefused(error: UpstreamError, body: Buffer | null): void {
    const { message } = error
    const isClean = this.#scan.isClean(body ?? Buffer.from(message))
    this.#finish({ kind: 'refused', error, body: isClean ? body : null, words: isClean && message ? message : null })
  }

  #push(answer: Answer, chunk: Buffer): void {
    const { error, progress, full, enough } = answer.push(chunk)
    if (error) return this.#refuseInside(error, null)
    if (progress) {
      this.#markFirstByte()
      this.#progress()
    }
    if (answer.begun) this.#lastWriteAt = this.#tools.clock.monotonic()
    if (enough) {
      this.#call?.abort()
      return this.#end()
    }
    if (full) this.#hold()
  }

  #silenceLimit(): number {
    const { timers } = this.#tools
    if (!this.#exchange.streamed) return timers.firstByte
    return timers.streamSilence ?? this.#tools.streamSilence(this.#target)
  }

  #progress(): void {
    this.#lastProgressAt = this.#tools.clock.monotonic()
  }

  #markFirstByte(): void {
    if (this.#firstByteAt !== null) return
    this.#firstByteAt = this.#tools.clock.monotonic()
    this.#exchange.answered?.()
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
    this.#finish({ kind: 'client-closed', sent: true })
  }

  #fail(why: 'connect' | 'reset' | 'timeout' | 'malformed', sent = true): void {
    if (this.#over) return
    this.#call?.abort()
    if (!this.#answer?.begun) return this.#finish({ kind: 'failed', why, sent })
    const error = brokenAnswer(this.#target.provider.name, why)
    const { code, status, origin, publicMessage: message } = error
    const requestId = toPublicId('req', this.#exchange.id)
    this.#answer.break({ code, status, origin, message, requestId, retryAfter: undefined })
    this.#finish({ kind: 'broken', error })
  }

  /** The caller is let in no more: what runs is ended in words of the dialect. */
  #cut(error: GatewayError): void {
    this.#call?.abort()
    if (!this.#answer?.begun) return this.#finish({ kind: 'crashed', error })
    const { code, status, origin, publicMessage: message } = error
    const requestId = toPublicId('req', this.#exchange.id)
    this.#answer.break({ code, status, origin, message, requestId, retryAfter: undefined })
    this.#finish({ kind: 'broken', error })
  }

  /** Headers that repeat the key are no one's to see. */
  #withoutKey(headers: UpstreamHeaders): UpstreamHeaders {
    if (this.#credential === null) return headers
    const key = revealSecret(this.#credential)
    const isClean = (value: UpstreamHeaders[string]): boolean => !String(value).includes(key)
    for (const name in headers) {
      if (!isClean(headers[name])) {
        return Object.fromEntries(Object.entries(headers).filter(([, value]) => isClean(value)))
      }
    }
    return headers
  }

  /** A copy: the text is a part of a longer one, which need not stay in memory with it. */
  #keepRaw(raw: string): string | null {
    if (raw.length > MOST_RAW_USAGE) return null
    const bytes = Buffer.from(raw)
    return bytes.length <= MOST_RAW_USAGE && this.#scan.isClean(bytes) ? bytes.toString('utf8') : null
  }

  #finish(end: AttemptEnd): void {
    if (this.#over) return
    this.#over = true
    if (this.#watchPlace !== null) this.#tools.watch.remove(this.#watchPlace)
    this.#exchange.response.off('close', this.#onClose)
    this.#exchange.response.off('drain', this.#onDrain)
    const answer = this.#answer
    const { usage, raw } = answer?.readUsage() ?? UNTOLD_USAGE
    const now = this.#tools.clock.monotonic()
    this.#resolve({
      end,
      status: this.#status,
      headers: this.#headers,
      usage,
      rawUsage: raw === null ? null : this.#keepRaw(raw),
      estimated: answer?.usageIsEstimated ?? false,
      estimatedOutput: answer?.estimatedOutput ?? null,
      upstreamRequestId: readUpstreamRequestId(this.#headers),
      bytes: answer?.bytes ?? 0,
      firstByteMs: this.#firstByteAt === null ? null : Math.round(this.#firstByteAt - this.#startedAt),
      durationMs: Math.round(now - this.#startedAt),
    })
  }
}

/** Of a provider's own usage object, in bytes: longer ones are not kept. */
export const MOST_RAW_USAGE = 4096

function brokenAnswer(provider: string, why: 'connect' | 'reset' | 'timeout' | 'malformed'): GatewayError {
  if (why === 'timeout') {
    return new GatewayError('timeout', { message: `${provider} stopped sending in the middle of the answer.` })
  }
  return new GatewayError('upstream_error', { message: `${provider} broke off in the middle of the answer.` })
}
