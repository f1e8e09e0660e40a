// Reads a request's body within bounds. Too large is refused by its announced length before a byte is read, and while
// reading; a compressed body is bounded by what it grows to. On any refusal the rest of the body is left unread for the
// answer to deal with.
import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { GatewayError } from '../kernel/errors.ts'
import { createBoundedZstd, ZSTD_WINDOW_LOG } from '../upstream/decode-body.ts'
import { createJsonDepthScan, type JsonDepthScan } from './json-depth.ts'
import type { RequestHeaders } from './route.ts'

export interface RequestBody {
  /** Decoded; one at most, of any length. */
  readonly chunks: readonly Buffer[]
  readonly length: number
  /** Gives the bytes back to the budget; call it once nobody holds the chunks any more. Harmless twice. */
  release(): void
}

export interface BodyOptions {
  /** Most bytes, on the wire and after decompression. */
  readonly cap: number
  /** How long no byte may arrive. */
  readonly idleMs?: number
  /** The process's budget of bytes in flight. */
  readonly budget?: ByteBudget
  /** The head as strictness accepted it; the parsed object of Node where absent. */
  readonly headers?: RequestHeaders
  /** Refuse deeply nested JSON while it arrives. */
  readonly checkDepth?: boolean
}

/** How many bytes of bodies the process may hold at once. */
export interface ByteBudget {
  take(bytes: number): boolean
  give(bytes: number): void
  readonly used: number
  /** How often there was no room. */
  readonly refused: number
}

export const BODY_IDLE_MS = 60_000
/** A body may grow to this many times its size once it is past the floor; JSON stays far below. */
export const MAX_EXPANSION = 100
const EXPANSION_FLOOR = 1024 * 1024

export function createByteBudget(limit: number): ByteBudget {
  let [used, refused] = [0, 0]
  return {
    take(bytes) {
      if (used + bytes > limit) {
        refused++
        return false
      }
      used += bytes
      return true
    },
    give(bytes) {
      used = Math.max(0, used - bytes)
    },
    get used() {
      return used
    },
    get refused() {
      return refused
    },
  }
}

/** The whole body, or a GatewayError: 400, 408, 413, 415, 503 or `client_closed`. */
export function readBody(request: IncomingMessage, options: BodyOptions): Promise<RequestBody> {
  return new Promise((resolve, reject) => {
    const headers = options.headers ?? request.headers
    const announced = Number(headers['content-length'] ?? 0)
    if (announced > options.cap) throw tooLarge(options.cap)
    const decoder = createDecoder(headers['content-encoding'])
    const collector = createCollector(options)
    const idle = setTimeout(() => fail(new GatewayError('request_timeout')), options.idleMs ?? BODY_IDLE_MS)

    function stop(): void {
      clearTimeout(idle)
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      request.pause()
      decoder?.removeAllListeners().on('error', ignoreLateError).destroy()
    }
    function fail(error: GatewayError): void {
      stop()
      collector.release()
      reject(error)
    }
    function finish(): void {
      stop()
      resolve(collector.finish())
    }
    function collect(chunk: Buffer): void {
      const refusal = collector.add(chunk)
      if (refusal) fail(refusal)
    }
    function onData(chunk: Buffer): void {
      idle.refresh()
      const refusal = collector.countWire(chunk.length)
      if (refusal) fail(refusal)
      else if (!decoder) collect(chunk)
      else if (!decoder.write(chunk)) request.pause()
    }
    function onEnd(): void {
      clearTimeout(idle)
      if (decoder) decoder.end()
      else finish()
    }
    function onClose(): void {
      // `close` also follows a complete message whose decoding is still under way.
      if (!request.complete) fail(new GatewayError('client_closed'))
    }

    decoder
      ?.on('data', collect)
      .on('drain', () => request.resume())
      .on('end', finish)
      .on('error', (error) => fail(badEncoding(error)))
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
    if (request.destroyed && !request.complete) onClose()
    else if (request.readableEnded) onEnd()
    else request.resume()
  })
}

/** A destroyed decoder may still report the write it was busy with; the refusal is already on its way. */
function ignoreLateError(): void {}

interface Collector {
  countWire(bytes: number): GatewayError | undefined
  add(chunk: Buffer): GatewayError | undefined
  finish(): RequestBody
  release(): void
}

function createCollector({ cap, budget, checkDepth }: BodyOptions): Collector {
  const chunks: Buffer[] = []
  const depth: JsonDepthScan | undefined = checkDepth ? createJsonDepthScan() : undefined
  let wire = 0
  let length = 0
  let held = 0

  function release(): void {
    budget?.give(held)
    held = 0
  }
  return {
    countWire(bytes) {
      wire += bytes
      return wire > cap ? tooLarge(cap) : undefined
    },
    add(chunk) {
      length += chunk.length
      if (length > cap) return tooLarge(cap)
      if (length > EXPANSION_FLOOR && length > wire * MAX_EXPANSION) {
        return new GatewayError('payload_too_large', {
          message: `The body grows to more than ${MAX_EXPANSION} times its compressed size. Send it uncompressed.`,
        })
      }
      if (budget && !budget.take(chunk.length)) return new GatewayError('gateway_overloaded', { retryAfter: 1 })
      if (budget) held += chunk.length
      chunks.push(chunk)
      try {
        depth?.push(chunk)
      } catch (error) {
        if (error instanceof GatewayError) return error
        throw error
      }
      return undefined
    },
    // Joined once for all who look into it.
    finish: () => ({ chunks: chunks.length > 1 ? [Buffer.concat(chunks)] : chunks, length, release }),
    release,
  }
}

function createDecoder(header: string | undefined): Transform | undefined {
  const encoding = header?.trim().toLowerCase() ?? ''
  switch (encoding) {
    case '':
    case 'identity':
      return undefined
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createBoundedZstd()
    default:
      throw new GatewayError('unsupported_media_type', {
        message: 'Send the body uncompressed, or with one Content-Encoding: gzip, br or zstd.',
      })
  }
}

/** 413 with the cap in words. */
export function tooLarge(cap: number): GatewayError {
  const size = cap >= 1024 * 1024 ? `${Math.floor(cap / (1024 * 1024))} MiB` : `${Math.floor(cap / 1024)} KiB`
  return new GatewayError('payload_too_large', {
    message: `The body is larger than the ${size} this address accepts, after decompression too.`,
  })
}

function badEncoding(error: NodeJS.ErrnoException): GatewayError {
  if (error.code === 'ZSTD_error_frameParameter_windowTooLarge') {
    const message =
      `The body is compressed with a zstd window of more than ${2 ** (ZSTD_WINDOW_LOG - 20)} MiB. ` +
      'Use a smaller one: no --long, no --ultra.'
    return new GatewayError('bad_request', { message })
  }
  return new GatewayError('bad_request', { message: 'The body is not in the compression its Content-Encoding names.' })
}
