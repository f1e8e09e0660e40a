// Answers that come compressed although none was asked for: decoded here, so that everyone behind sees plain bytes.
// One encoding only; a chain of them is refused.
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'

export interface Decoder {
  write(chunk: Buffer): void
  end(): void
  /**
   * Nothing more comes out until `resume`, nor is taken from the source: a little that came in may be a lot decoded.
   */
  pause(): void
  resume(): void
  destroy(): void
}

/**
 * 8 MiB, the most that zstd in HTTP may need (RFC 9659); without a bound a few bytes could claim 128 MiB. Of a window only
 * as much becomes memory as is decoded, and that is counted.
 */
export const ZSTD_WINDOW_LOG = 23

export const createBoundedZstd = () =>
  createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } })

const DECODERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createBoundedZstd,
}

/** Where the encoded bytes come from: it waits while more of them have come than could be decoded yet. */
export interface DecoderSource {
  pause(): void
  resume(): void
}

/** A decoder for one content-encoding; null for one that is not known. */
export function createDecoder(
  encoding: string,
  sink: { data(chunk: Buffer): void; end(): void; failed(error: Error): void },
  source: DecoderSource,
): Decoder | null {
  const name = encoding.trim().toLowerCase()
  if (!Object.hasOwn(DECODERS, name)) return null
  const stream = DECODERS[name as keyof typeof DECODERS]()
  stream.on('data', sink.data)
  stream.on('end', sink.end)
  stream.on('error', sink.failed)
  let [isFull, isHeld] = [false, false]
  stream.on('drain', () => {
    isFull = false
    if (!isHeld) source.resume()
  })
  return {
    write(chunk) {
      if (stream.write(chunk)) return
      isFull = true
      source.pause()
    },
    end: () => void stream.end(),
    pause() {
      isHeld = true
      stream.pause()
      source.pause()
    },
    resume() {
      isHeld = false
      stream.resume()
      if (!isFull) source.resume()
    },
    destroy: () => void stream.destroy(),
  }
}
