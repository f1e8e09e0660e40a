// Outbound HTTP, as everyone above sees it, whichever client carries it (create-upstream.ts). One keep-alive pool per
// origin, HTTP/1.1, no pipelining, no redirects, and no timer of its own but the limits for connecting and for idle
// sockets: the caller watches time. Plain callbacks, since a stream of ten thousand chunks pays for each.
// Invariants: a socket is destroyed, never reused, after an abort; redirects are never followed (a provider's 3xx is an
// upstream error); origins that users chose pass the address guard inside the connector, so no path can miss it.
import { AddressRefused } from './address-guard.ts'

export interface UpstreamRequest {
  /** Scheme, host and port. */
  readonly origin: string
  /** Was the origin chosen by a user (then the address guard applies) or by the operator? */
  readonly guarded: boolean
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: readonly Uint8Array[] | null
}

export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface UpstreamSink {
  head(status: number, headers: UpstreamHeaders): void
  data(chunk: Buffer): void
  end(): void
  failed(failure: UpstreamFailure): void
}

export interface UpstreamCall {
  /** Ends the call and destroys its socket; the sink hears nothing more. */
  abort(): void
  pause(): void
  resume(): void
}

export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure'
  /** connect: nothing was sent · reset: the connection broke · malformed: not HTTP, or a body that does not decode. */
  readonly kind: 'connect' | 'refused-address' | 'reset' | 'malformed'
  /** May the provider have run the request? */
  readonly sent: boolean

  constructor(kind: UpstreamFailure['kind'], sent: boolean, cause: unknown) {
    super(`upstream ${kind}`, { cause })
    this.kind = kind
    this.sent = sent
  }
}

/** Nothing was sent: the reason is the guard's, or the way there. */
export function connectFailure(error: unknown): UpstreamFailure {
  const isRefused = error instanceof AddressRefused || (error as Error | null)?.cause instanceof AddressRefused
  return new UpstreamFailure(isRefused ? 'refused-address' : 'connect', false, error)
}

export interface Upstream {
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall
  close(): Promise<void>
}
