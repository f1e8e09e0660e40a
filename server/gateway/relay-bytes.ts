// An answer of any kind on its way through, byte by byte: files, sound, JSON, events. Nothing is read in it and nothing
// is held back, so a download needs no memory; a client that takes it slowly slows the provider down.
// It may be a page that somebody uploaded, and a browser may ask for it with `?key=`: it must never run as one of ours.
import type { ServerResponse } from 'node:http'
import { UNTOLD_USAGE, type ToldUsage } from '../protocols/canonical.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import { setForwardedHeaders, setPlanHeaders, setStreamHeaders } from './answer-headers.ts'
import type { Answer, PushResult } from './answer.ts'
import type { Exchange } from './exchange.ts'

export const PASSED_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
const SHOWN_AS_IT_IS = /^(?:application\/json|text\/event-stream)[\t ]*(?:;|$)/i
const EVENTS = /^text\/event-stream\b/i
const HEADER_SAFE = /^[\x20-\x7e]{1,1024}$/
/** A longer answer goes on as it is. */
const MOST_REWRITTEN = 16 * 1024 * 1024

export interface BytesHead {
  readonly status: number
  readonly headers: UpstreamHeaders
  /** Headers of this address's own, set as they are. */
  readonly extra: Readonly<Record<string, string>>
  /** Changes a text answer as a whole; null leaves every byte as it came. */
  readonly rewrite: ((text: string) => string) | null
}

export class ByteRelay implements Answer {
  readonly #exchange: Exchange
  readonly #head: BytesHead
  #begun = false
  /** null once bytes go on as they come. */
  #held: Buffer[] | null
  bytes = 0

  constructor(exchange: Exchange, head: BytesHead) {
    this.#exchange = exchange
    this.#head = head
    this.#held = head.rewrite === null ? null : []
  }

  get begun(): boolean {
    return this.#begun
  }

  push(chunk: Buffer): PushResult {
    this.bytes += chunk.length
    return { error: null, progress: true, full: !this.#take(chunk) }
  }

  /** HTTP's own framing says so: it ended where it said it would. */
  isComplete(): boolean {
    return true
  }

  finish(): void {
    const { response } = this.#exchange
    if (this.#held === null) {
      this.#begin(this.#lengthAsSent())
      return void response.end()
    }
    const whole = Buffer.concat(this.#held)
    const text = whole.toString('utf8')
    const changed = this.#head.rewrite?.(text) ?? text
    const body = changed === text ? whole : Buffer.from(changed)
    this.#begin(body.length)
    response.end(body)
  }

  /** Too late for an error in words: the cut connection is the honest sign. */
  break(): void {
    this.#exchange.response.destroy()
  }

  /** What is in between is not known, so nothing can be put there. */
  keepAlive(): void {}

  readUsage(): ToldUsage {
    return UNTOLD_USAGE
  }

  #take(chunk: Buffer): boolean {
    const { response } = this.#exchange
    if (this.#held !== null) {
      this.#held.push(chunk)
      if (this.bytes <= MOST_REWRITTEN) return true
      this.#begin(this.#lengthAsSent())
      const held = Buffer.concat(this.#held)
      this.#held = null
      return response.write(held)
    }
    this.#begin(this.#lengthAsSent())
    return response.write(chunk)
  }

  #begin(length: number | null): void {
    if (this.#begun) return
    this.#begun = true
    const { response } = this.#exchange
    const { status, headers, extra } = this.#head
    setPlanHeaders(this.#exchange)
    setForwardedHeaders(this.#exchange, headers)
    for (const [name, value] of Object.entries(extra)) response.setHeader(name, value)
    setKind(response, headers)
    if (length !== null && status !== 204) response.setHeader('content-length', String(length))
    response.writeHead(status)
  }

  /** As the provider announced it; null where it did not, or where what it counted was compressed. */
  #lengthAsSent(): number | null {
    const { headers } = this.#head
    const length = headers['content-length']
    const encoding = headers['content-encoding']
    const plain = encoding === undefined || encoding === 'identity'
    return plain && typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : null
  }
}

/**
 * What kind of data a relayed answer is, in the provider's words. Of anything but plain data a browser may make a page:
 * it must not be one of ours, whoever sent the form that asked for it.
 */
export function setRelayedType(response: ServerResponse, sent: UpstreamHeaders[string]): void {
  const type = typeof sent === 'string' && HEADER_SAFE.test(sent) ? sent : 'application/json'
  response.setHeader('content-type', type)
  if (!SHOWN_AS_IT_IS.test(type)) response.setHeader('content-security-policy', PASSED_POLICY)
}

function setKind(response: ServerResponse, headers: UpstreamHeaders): void {
  const sent = headers['content-type']
  const type = typeof sent === 'string' && HEADER_SAFE.test(sent) ? sent : null
  if (type !== null) response.setHeader('content-type', type)
  response.setHeader('content-security-policy', PASSED_POLICY)
  if (type !== null && EVENTS.test(type)) setStreamHeaders(response)
  if (type === null || SHOWN_AS_IT_IS.test(type)) return
  const named = headers['content-disposition']
  const isAttachment = typeof named === 'string' && /^attachment\b/i.test(named) && HEADER_SAFE.test(named)
  response.setHeader('content-disposition', isAttachment ? named : 'attachment')
}
