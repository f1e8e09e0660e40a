// A small whole answer that is turned into the client's dialect as one object: token counts and embeddings.
import { JSON_TYPE } from '../http/answers.ts'
import { UNTOLD_USAGE, type ToldUsage, type Usage } from '../protocols/canonical.ts'
import { asObject, parseJson, type JsonObject } from '../protocols/read.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import type { Answer, PushResult } from './answer.ts'
import { setPlanHeaders, setTranslatedHeaders } from './answer-headers.ts'
import type { Exchange } from './exchange.ts'

const LARGEST = 64 * 1024 * 1024

export interface Converted {
  readonly body: Record<string, unknown>
  readonly usage: Usage
  /** The provider's own usage object. */
  readonly rawUsage?: JsonObject | null
}

export class ConvertedAnswer implements Answer {
  readonly #exchange: Exchange
  readonly #headers: UpstreamHeaders
  readonly #convert: (body: JsonObject) => Converted | null
  #chunks: Buffer[] = []
  #converted: Converted | null = null
  #begun = false
  bytes = 0

  /** `convert` gives null for an answer that is not what was asked for. */
  constructor(exchange: Exchange, headers: UpstreamHeaders, convert: (body: JsonObject) => Converted | null) {
    this.#exchange = exchange
    this.#headers = headers
    this.#convert = convert
  }

  get begun(): boolean {
    return this.#begun
  }

  push(chunk: Buffer): PushResult {
    this.bytes += chunk.length
    if (this.bytes <= LARGEST) this.#chunks.push(chunk)
    return { error: null, progress: true, full: false, enough: this.bytes > LARGEST }
  }

  isComplete(): boolean {
    const body = this.bytes > LARGEST ? null : asObject(parseJson(Buffer.concat(this.#chunks).toString('utf8')))
    this.#chunks = []
    this.#converted = body && this.#convert(body)
    return this.#converted !== null
  }

  finish(): void {
    const { response } = this.#exchange
    const body = Buffer.from(JSON.stringify(this.#converted?.body))
    setPlanHeaders(this.#exchange)
    setTranslatedHeaders(this.#exchange, this.#headers)
    response.setHeader('content-type', JSON_TYPE)
    response.setHeader('content-length', String(body.length))
    response.writeHead(200)
    this.#begun = true
    response.end(body)
  }

  /** It is held until it is complete, so it never breaks in the client's sight, and has no silence to fill. */
  break(): void {}
  keepAlive(): void {}

  readUsage(): ToldUsage {
    if (!this.#converted) return UNTOLD_USAGE
    const { usage, rawUsage } = this.#converted
    return { usage, raw: rawUsage ? JSON.stringify(rawUsage) : null }
  }
}
