// Answers that come compressed although none was asked for: decoded here, so that everyone behind sees plain bytes.
// One encoding only; a chain of them is refused.
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'

export interface Decoder {
  write(chunk: Buffer): void
  end(): void
  /** Nothing more comes out until `resume`: a little that came in may be a lot decoded. */
  pause(): void
  resume(): void
  destroy(): void
}

const DECODERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** A decoder for one content-encoding; null for one that is not known. */
export function createDecoder(
  encoding: string,
  sink: { data(chunk: Buffer): void; end(): void; failed(error: Error): void },
): Decoder | null {
  const name = encoding.trim().toLowerCase()
  if (!Object.hasOwn(DECODERS, name)) return null
  const stream = DECODERS[name as keyof typeof DECODERS]()
  stream.on('data', sink.data)
  stream.on('end', sink.end)
  stream.on('error', sink.failed)
  return {
    write: (chunk) => void stream.write(chunk),
    end: () => void stream.end(),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    destroy: () => void stream.destroy(),
  }
}
