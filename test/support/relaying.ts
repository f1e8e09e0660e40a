// The relay by itself, fed with an answer in pieces: what it passes on, and what it reads of usage meanwhile.
import { type IncomingMessage, ServerResponse } from 'node:http'
import { createCredentialScan } from '../../server/gateway/credential-scan.ts'
import type { Exchange } from '../../server/gateway/exchange.ts'
import { StreamRelay } from '../../server/gateway/relay-stream.ts'
import { WholeRelay } from '../../server/gateway/relay-whole.ts'
import type { Usage } from '../../server/protocols/canonical.ts'
import type { Protocol } from '../../server/protocols/protocol.ts'
import { openai } from '../../server/providers/openai.ts'
import type { Provider } from '../../server/providers/provider.ts'

export interface Relaying {
  readonly protocol: Protocol
  readonly provider?: Provider
  /** Server-sent events, a JSON array (Gemini), or one object. */
  readonly shape: 'events' | 'array' | 'whole'
  /** The client had not asked for usage in its stream, so what comes of it is taken out again. */
  readonly usageInjected?: boolean
}

export interface Relayed {
  readonly usage: Usage
  /** The provider's own usage object, as JSON text. */
  readonly rawUsage: string | null
  readonly complete: boolean
  readonly bytes: Buffer
  /** The provider's error in the first event, of which nothing is passed on. */
  readonly failed: boolean
}

export function relayPieces(relaying: Relaying, pieces: readonly Buffer[]): Relayed {
  const { protocol, provider = openai, shape, usageInjected = false } = relaying
  const response = new KeptResponse({ method: 'POST', httpVersionMajor: 1, httpVersionMinor: 1 } as IncomingMessage)
  const exchange = { protocol, response, provider, model: '', warnings: [], target: null } as unknown as Exchange
  const head = {
    status: 200,
    headers: { 'content-type': shape === 'events' ? 'text/event-stream' : 'application/json' },
  }
  const scan = createCredentialScan(null)
  const answer =
    shape === 'whole'
      ? new WholeRelay(exchange, head)
      : new StreamRelay(exchange, { ...head, framed: shape === 'events', usageInjected, scan })
  let failed = false
  for (const piece of pieces) failed ||= answer.push(piece).error !== null
  const complete = answer.isComplete()
  answer.finish()
  const { usage, raw } = answer.readUsage()
  return { usage, rawUsage: raw, complete, bytes: Buffer.concat(response.kept), failed }
}

/**
 * A response whose client takes everything and keeps it, without the frames that HTTP/1.1 puts round the pieces of a
 * stream.
 */
class KeptResponse extends ServerResponse {
  readonly kept: Buffer[] = []

  override writeHead(status: number): this {
    super.writeHead(status)
    this.chunkedEncoding = false
    return this
  }

  override write(chunk: string | Uint8Array, encoding?: unknown): boolean {
    this.kept.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding as BufferEncoding) : Buffer.from(chunk))
    return true
  }

  override end(chunk?: unknown, encoding?: unknown): this {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.write(chunk, encoding)
    return this
  }
}

/** The bytes cut at these places; what lies beyond their end is their end. */
export function cutBytes(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])]
  edges.sort((left, right) => left - right)
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}
