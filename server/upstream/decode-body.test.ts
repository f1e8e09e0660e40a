// Answers that come compressed: what a few bytes of them may claim is bounded.
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { createDecoder } from './decode-body.ts'

/** A frame of two bytes that names the window it may need. */
const frame = (windowLog: number): Buffer =>
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (windowLog - 10) << 3, 0x11, 0x00, 0x00, 0x7b, 0x7d])

function decode(bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const sink = { data: (chunk: Buffer) => (text += chunk.toString()), end: () => resolve(text), failed: reject }
    const decoder = createDecoder('zstd', sink, { pause() {}, resume() {} })
    decoder?.write(bytes)
    decoder?.end()
  })
}

test('zstd may need a window of 8 MiB and no more', async () => {
  await expect(decode(frame(23))).resolves.toBe('{}')
  for (const windowLog of [24, 27]) await expect(decode(frame(windowLog))).rejects.toThrow(/too much memory/)
})

test('the source waits while more has come than is decoded, and as long as nobody takes what is', async () => {
  const plain = Buffer.alloc(8 * 1024 * 1024, 'x')
  const encoded = gzipSync(plain, { level: 0 })
  const state = { isPaused: false }
  let [at, taken, inMemory] = [0, 0, 0]
  await new Promise<void>((resolve, reject) => {
    const feed = (): void => {
      while (!state.isPaused && at < encoded.length) decoder.write(encoded.subarray(at, (at += 65_536)))
      inMemory = Math.max(inMemory, Math.min(at, encoded.length) - taken)
      if (at >= encoded.length && !isEnded) {
        isEnded = true
        decoder.end()
      }
    }
    let isEnded = false
    const sink = {
      data(chunk: Buffer) {
        taken += chunk.length
        // Whoever takes it has enough for a moment, now and then.
        if (taken % (1024 * 1024) !== 0) return
        decoder.pause()
        setTimeout(() => {
          expect(state.isPaused).toBe(true)
          decoder.resume()
        }, 5)
      },
      end: resolve,
      failed: reject,
    }
    const source = {
      pause: () => void (state.isPaused = true),
      resume() {
        state.isPaused = false
        setImmediate(feed)
      },
    }
    const decoder = createDecoder('gzip', sink, source)!
    feed()
  })
  expect(taken).toBe(plain.length)
  expect(inMemory).toBeLessThan(512 * 1024)
})
