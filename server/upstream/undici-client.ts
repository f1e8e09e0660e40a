// The upstream behind undici's pools: the client to fall back on (UPSTREAM_CLIENT=undici), and the one ours is compared
// with.
import { Pool, type Dispatcher } from 'undici'
import { createGuardedConnect } from './address-guard.ts'
import { createDecoder, type Decoder } from './decode-body.ts'
import {
  connectFailure,
  UpstreamFailure,
  type Upstream,
  type UpstreamCall,
  type UpstreamHeaders,
  type UpstreamSink,
} from './upstream.ts'

/** What undici calls it when an answer is none of HTTP/1.1. */
const MALFORMED: ReadonlySet<string> = new Set([
  'HTTPParserError',
  'HeadersOverflowError',
  'ResponseContentLengthMismatchError',
])
const MOST_GUARDED_POOLS = 256
/** Read ahead of a client that is slow, where there is no TLS, which reads ahead less by itself. */
const PLAIN_HELD = 32 * 1024

export function createUndiciClient(timeout: number): Upstream {
  const pools = new Map<string, Pool>()
  const guardedPools = new Map<string, Pool>()

  function createPool(origin: string, guarded: boolean): Pool {
    const isPlain = origin.startsWith('http:')
    return new Pool(origin, {
      connections: null,
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: 64 * 1024,
      connect: guarded
        ? createGuardedConnect({ timeout })
        : { timeout, allowH2: false, ...(isPlain && { highWaterMark: PLAIN_HELD }) },
    })
  }

  function poolFor(origin: string, guarded: boolean): Pool {
    const map = guarded ? guardedPools : pools
    let pool = map.get(origin)
    if (!pool) {
      pool = createPool(origin, guarded)
      map.set(origin, pool)
      if (guarded && map.size > MOST_GUARDED_POOLS) closeOldest(map)
    }
    return pool
  }

  return {
    send(request, sink) {
      const call = new Call(sink)
      const body = request.body
      poolFor(request.origin, request.guarded).dispatch(
        {
          path: request.path,
          method: request.method,
          headers: request.headers as string[],
          body: body === null ? null : body.length === 1 ? body[0]! : Buffer.concat(body),
        },
        call,
      )
      return call
    },
    async close() {
      const all = [...pools.values(), ...guardedPools.values()]
      pools.clear()
      guardedPools.clear()
      await Promise.all(all.map((pool) => pool.destroy()))
    },
  }
}

function closeOldest(map: Map<string, Pool>): void {
  const [origin, pool] = map.entries().next().value!
  map.delete(origin)
  // `close` lets running calls finish; its rejection only says that the pool was destroyed meanwhile.
  pool.close().catch(() => undefined)
}

function passOn(call: Call): void {
  call.passOnPieces()
}

class Call implements Dispatcher.DispatchHandler, UpstreamCall {
  readonly #sink: UpstreamSink
  #controller: Dispatcher.DispatchController | null = null
  #over = false
  #decoder: Decoder | null = null
  /** Pieces of one read of the socket, which come in one turn: they go on together. */
  #pieces: Buffer[] = []

  constructor(sink: UpstreamSink) {
    this.#sink = sink
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(new Error('aborted'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: UpstreamHeaders): void {
    // As bytes they keep the first read of the socket in memory for as long as the call runs.
    controller.rawHeaders = null
    if (this.#over || status < 200) return
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity' && encoding !== '') {
      const sink = {
        data: (chunk: Buffer) => this.#over || this.#sink.data(chunk),
        end: () => this.#finish(),
        failed: (error: Error) => this.#fail(new UpstreamFailure('malformed', true, error)),
      }
      this.#decoder = createDecoder(String(encoding), sink, controller)
      if (!this.#decoder)
        return this.#fail(new UpstreamFailure('malformed', true, `content-encoding ${String(encoding)}`))
    }
    this.#sink.head(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return
    if (this.#decoder) return void this.#decoder.write(chunk)
    if (this.#pieces.push(chunk) === 1) process.nextTick(passOn, this)
  }

  /** Every chunk of a chunked body by itself would cost a write of its own. */
  passOnPieces(): void {
    const pieces = this.#pieces
    if (pieces.length === 0 || this.#over) return
    this.#pieces = []
    this.#sink.data(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
  }

  onResponseEnd(): void {
    this.passOnPieces()
    if (this.#over) return
    if (this.#decoder) this.#decoder.end()
    else this.#finish()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.passOnPieces()
    if (this.#controller === null) return this.#fail(connectFailure(error))
    this.#fail(new UpstreamFailure(MALFORMED.has(error.name) ? 'malformed' : 'reset', true, error))
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#decoder?.destroy()
    this.#controller?.abort(new Error('aborted'))
  }

  pause(): void {
    if (this.#decoder) this.#decoder.pause()
    else this.#controller?.pause()
  }

  resume(): void {
    if (this.#decoder) this.#decoder.resume()
    else this.#controller?.resume()
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#sink.end()
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#over) return
    this.#over = true
    this.#decoder?.destroy()
    if (!this.#controller?.aborted) this.#controller?.abort(failure)
    this.#sink.failed(failure)
  }
}
